// SPDX-License-Identifier: Apache-2.0
/**
 * The arithmetic of the x87 FPU on 80-bit extended precision values, independent of registers and
 * instructions: {@link dev.faultline.cpu.x86.kernel.fp.FpuMath} is the context, the other classes
 * are functions on it.
 */
@NullMarked
package dev.faultline.cpu.x86.kernel.fp;

import org.jspecify.annotations.NullMarked;
