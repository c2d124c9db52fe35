// SPDX-License-Identifier: Apache-2.0
/** The 8254 interval timer. */
package dev.faultline.device.pc.internal.pit8254;
