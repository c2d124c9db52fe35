// SPDX-License-Identifier: Apache-2.0
/** The two 8259A interrupt controllers. */
@NullMarked
package dev.faultline.device.pc.internal.pic8259;

import org.jspecify.annotations.NullMarked;
