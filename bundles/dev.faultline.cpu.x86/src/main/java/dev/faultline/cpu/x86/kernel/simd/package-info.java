// SPDX-License-Identifier: Apache-2.0
/**
 * The arithmetic of MMX and SSE to SSE4.2 on raw bits: packed integers ({@link
 * dev.faultline.cpu.x86.kernel.simd.PackedInt}, {@link
 * dev.faultline.cpu.x86.kernel.simd.PackedWide}), binary32 and binary64 under MXCSR ({@link
 * dev.faultline.cpu.x86.kernel.simd.FpArith}, {@link dev.faultline.cpu.x86.kernel.simd.FpConvert}),
 * string comparison. Static functions without state or allocation; no guest memory, no registers,
 * no exceptions are delivered here: floating-point functions return what they raised, and the
 * instruction semantics decide with {@link dev.faultline.cpu.x86.kernel.simd.Mxcsr}.
 *
 * <p>Any thread. Called by instruction semantics.
 */
@NullMarked
package dev.faultline.cpu.x86.kernel.simd;

import org.jspecify.annotations.NullMarked;
