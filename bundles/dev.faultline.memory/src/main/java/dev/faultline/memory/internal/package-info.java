// SPDX-License-Identifier: Apache-2.0
/**
 * The memory slot manager: RAM blocks over host memory, and an immutable, published map of slots.
 * Nothing here knows about rights.
 */
@NullMarked
package dev.faultline.memory.internal;

import org.jspecify.annotations.NullMarked;
