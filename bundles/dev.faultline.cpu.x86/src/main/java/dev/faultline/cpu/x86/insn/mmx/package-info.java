// SPDX-License-Identifier: Apache-2.0
/**
 * Semantics of MMX and of the SSE extensions of MMX. {@link dev.faultline.cpu.x86.insn.mmx.Mmx} is
 * the one place that knows how MMX registers lie in the x87's.
 *
 * <p>Known difference from the silicon: when an MMX store faults on memory, Intel's processors have
 * already set TOP to 0; here, as the restart rules want, nothing has changed.
 */
@NullMarked
package dev.faultline.cpu.x86.insn.mmx;

import org.jspecify.annotations.NullMarked;
