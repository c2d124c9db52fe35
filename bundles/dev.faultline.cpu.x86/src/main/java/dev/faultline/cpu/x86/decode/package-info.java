// SPDX-License-Identifier: Apache-2.0
/**
 * From bytes to {@link dev.faultline.cpu.x86.op.Op}s: the one place that reads machine code. The
 * instruction table says what there is.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.cpu.x86.decode;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
