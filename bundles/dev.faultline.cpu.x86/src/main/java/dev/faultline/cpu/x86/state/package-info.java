// SPDX-License-Identifier: Apache-2.0
/**
 * What instructions and engines agree on about a vCPU: status flags and conditions, exceptions by
 * name ({@link dev.faultline.cpu.x86.state.Faults}), what executing an instruction came to ({@link
 * dev.faultline.cpu.x86.state.Outcome}), and what CPUID answers. Everything runs on the vCPU's
 * thread.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.cpu.x86.state;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
