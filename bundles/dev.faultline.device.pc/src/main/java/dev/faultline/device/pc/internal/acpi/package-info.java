// SPDX-License-Identifier: Apache-2.0
/** ACPI fixed hardware. */
@NullMarked
package dev.faultline.device.pc.internal.acpi;

import org.jspecify.annotations.NullMarked;
