// SPDX-License-Identifier: Apache-2.0
/**
 * What surrounds an engine's inner loop: {@link dev.faultline.cpu.x86.run.RunLoop} looks at
 * requests and delivers events, {@link dev.faultline.cpu.x86.run.Stepping} is for engines that
 * execute one instruction at a time. How Ops are grouped and driven is the engines' own.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.cpu.x86.run;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
