// SPDX-License-Identifier: Apache-2.0
/**
 * The memory slot manager: RAM blocks over host memory, and an immutable, published map of slots.
 * Nothing here knows about rights.
 */
package dev.faultline.memory.internal;
