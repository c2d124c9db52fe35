// SPDX-License-Identifier: Apache-2.0
/** The I/O APIC. */
@NullMarked
package dev.faultline.device.pc.internal.ioapic;

import org.jspecify.annotations.NullMarked;
