// SPDX-License-Identifier: Apache-2.0
/**
 * The instruction set as data: {@link dev.faultline.cpu.x86.isa.InstructionTable} says of every
 * encoding how it is recognised, what it means and what it needs. Decoder, semantics, CPUID,
 * disassembler and tests all derive from it, and the build generates from it what would be the same
 * for every instruction of a {@link dev.faultline.cpu.x86.isa.Shape}.
 *
 * <p>Immutable after class initialisation; any thread.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.cpu.x86.isa;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
