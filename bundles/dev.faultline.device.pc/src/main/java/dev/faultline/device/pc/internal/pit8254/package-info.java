// SPDX-License-Identifier: Apache-2.0
/** The 8254 interval timer. */
@NullMarked
package dev.faultline.device.pc.internal.pit8254;

import org.jspecify.annotations.NullMarked;
