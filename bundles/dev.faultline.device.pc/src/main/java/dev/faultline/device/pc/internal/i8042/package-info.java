// SPDX-License-Identifier: Apache-2.0
/** The keyboard controller. */
@NullMarked
package dev.faultline.device.pc.internal.i8042;

import org.jspecify.annotations.NullMarked;
