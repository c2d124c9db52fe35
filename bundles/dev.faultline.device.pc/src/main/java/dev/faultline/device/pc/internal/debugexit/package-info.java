// SPDX-License-Identifier: Apache-2.0
/** The debug-exit port. */
@NullMarked
package dev.faultline.device.pc.internal.debugexit;

import org.jspecify.annotations.NullMarked;
