// SPDX-License-Identifier: Apache-2.0
/** The I/O APIC. */
package dev.faultline.device.pc.internal.ioapic;
