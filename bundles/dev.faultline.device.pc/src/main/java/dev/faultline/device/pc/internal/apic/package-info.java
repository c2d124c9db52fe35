// SPDX-License-Identifier: Apache-2.0
/** The local APICs and the messages between them. */
package dev.faultline.device.pc.internal.apic;
