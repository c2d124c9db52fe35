// SPDX-License-Identifier: Apache-2.0
/** Shifts, rotates, bit tests and scans, CRC32. */
@NullMarked
package dev.faultline.cpu.x86.insn.bits;

import org.jspecify.annotations.NullMarked;
