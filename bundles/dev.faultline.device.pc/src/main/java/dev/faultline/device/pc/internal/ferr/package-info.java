// SPDX-License-Identifier: Apache-2.0
/** How a PC reports x87 errors without #MF. */
package dev.faultline.device.pc.internal.ferr;
