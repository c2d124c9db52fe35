// SPDX-License-Identifier: Apache-2.0
/** System instructions, and the Ops of far transfers (SDM 3A). */
@NullMarked
package dev.faultline.cpu.x86.insn.system;

import org.jspecify.annotations.NullMarked;
