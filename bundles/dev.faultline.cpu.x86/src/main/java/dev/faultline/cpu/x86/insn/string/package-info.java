// SPDX-License-Identifier: Apache-2.0
/** String instructions, repeated or not (SDM 1, "String Instructions"). */
@NullMarked
package dev.faultline.cpu.x86.insn.string;

import org.jspecify.annotations.NullMarked;
