// SPDX-License-Identifier: Apache-2.0
/** The 16550A UART. */
@NullMarked
package dev.faultline.device.pc.internal.uart16550;

import org.jspecify.annotations.NullMarked;
