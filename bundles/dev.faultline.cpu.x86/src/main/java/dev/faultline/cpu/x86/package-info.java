// SPDX-License-Identifier: Apache-2.0
/**
 * What every x86 engine shares: decoder, instruction table, semantics as {@link
 * dev.faultline.cpu.x86.Op} objects, guest memory access ({@link dev.faultline.cpu.x86.Mem}),
 * exceptions by name ({@link dev.faultline.cpu.x86.Faults}), and the run loop around an engine's
 * inner loop.
 *
 * <p>Not here: how Ops are grouped and driven (the engines), address translation (the MMU bundle).
 * Everything runs on the vCPU's thread.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.cpu.x86;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
