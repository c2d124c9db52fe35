// SPDX-License-Identifier: Apache-2.0
/** The keyboard controller. */
package dev.faultline.device.pc.internal.i8042;
