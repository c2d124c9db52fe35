// SPDX-License-Identifier: Apache-2.0
/** x87 instructions (SDM 1, "Programming with the x87 FPU"). */
@NullMarked
package dev.faultline.cpu.x86.insn.x87;

import org.jspecify.annotations.NullMarked;
