// SPDX-License-Identifier: Apache-2.0
/** Near jumps, calls and returns, and what is undefined for good. */
@NullMarked
package dev.faultline.cpu.x86.insn.branch;

import org.jspecify.annotations.NullMarked;
