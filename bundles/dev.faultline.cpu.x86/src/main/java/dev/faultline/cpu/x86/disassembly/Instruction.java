// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import dev.faultline.cpu.x86.isa.Row;
import org.jspecify.annotations.Nullable;

/**
 * One instruction as text.
 *
 * @param length bytes; 1 if there is no such instruction
 * @param text Intel syntax; "(bad)" if there is no such instruction
 * @param row its row of the instruction table; null if there is no such instruction
 */
public record Instruction(int length, String text, @Nullable Row row) {}
