// SPDX-License-Identifier: Apache-2.0
/**
 * Semantics of SSE to SSE4.2, and of what came with them (fences, cache control). What a row of
 * sse.tab becomes stands above it; the arithmetic itself is in {@code
 * dev.faultline.cpu.x86.kernel.simd}. FXSAVE, LDMXCSR and their kin are with the x87.
 *
 * <p>Checks come in the order of the processor: #UD and #NM from CR0 and CR4, 16-byte alignment
 * (#GP), segment, page, then #XM.
 */
@NullMarked
package dev.faultline.cpu.x86.insn.sse;

import org.jspecify.annotations.NullMarked;
