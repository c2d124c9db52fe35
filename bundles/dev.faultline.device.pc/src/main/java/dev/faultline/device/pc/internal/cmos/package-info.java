// SPDX-License-Identifier: Apache-2.0
/** The MC146818 real-time clock and CMOS RAM. */
@NullMarked
package dev.faultline.device.pc.internal.cmos;

import org.jspecify.annotations.NullMarked;
