// SPDX-License-Identifier: Apache-2.0
/** The local APICs and the messages between them. */
@NullMarked
package dev.faultline.device.pc.internal.apic;

import org.jspecify.annotations.NullMarked;
