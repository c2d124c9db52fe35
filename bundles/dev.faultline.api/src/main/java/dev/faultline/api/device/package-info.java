// SPDX-License-Identifier: Apache-2.0
/**
 * What a device implements and what the board offers it: ports, memory-mapped ranges, interrupt
 * lines, time, guarded DMA.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.api.device;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
