// SPDX-License-Identifier: Apache-2.0
/**
 * An instruction that can be executed: {@link dev.faultline.cpu.x86.op.Op}, what it is made of
 * ({@link dev.faultline.cpu.x86.op.Decoded}), and what instructions with like operands extend.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.cpu.x86.op;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
