// SPDX-License-Identifier: Apache-2.0
/** What this bundle offers as services. */
@NullMarked
package dev.faultline.cpu.x86.internal;

import org.jspecify.annotations.NullMarked;
