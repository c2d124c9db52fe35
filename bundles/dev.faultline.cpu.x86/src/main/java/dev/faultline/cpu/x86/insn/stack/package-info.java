// SPDX-License-Identifier: Apache-2.0
/** Instructions that push and pop (SDM 1, "Procedure Stack"). */
@NullMarked
package dev.faultline.cpu.x86.insn.stack;

import org.jspecify.annotations.NullMarked;
