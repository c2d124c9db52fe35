// SPDX-License-Identifier: Apache-2.0
/**
 * Machine code as text, in the Intel syntax that binutils' {@code objdump -M intel} prints. {@link
 * dev.faultline.cpu.x86.disassembly.Disassembler} derives it from the decoder's fields and the
 * operand codes of the instruction table; what the text has otherwise than the table is in the
 * resources {@code names.tab} and {@code encodings.tab} beside it.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.cpu.x86.disassembly;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
