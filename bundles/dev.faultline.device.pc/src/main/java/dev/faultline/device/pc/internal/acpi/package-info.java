// SPDX-License-Identifier: Apache-2.0
/** ACPI fixed hardware. */
package dev.faultline.device.pc.internal.acpi;
