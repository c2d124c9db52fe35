// SPDX-License-Identifier: Apache-2.0
/** How a PC reports x87 errors without #MF. */
@NullMarked
package dev.faultline.device.pc.internal.ferr;

import org.jspecify.annotations.NullMarked;
