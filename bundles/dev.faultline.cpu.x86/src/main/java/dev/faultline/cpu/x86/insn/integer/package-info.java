// SPDX-License-Identifier: Apache-2.0
/**
 * General-purpose instructions (SDM 1, "Programming With General-Purpose Instructions") that are
 * not about the stack, branches, strings or bits.
 */
@NullMarked
package dev.faultline.cpu.x86.insn.integer;

import org.jspecify.annotations.NullMarked;
