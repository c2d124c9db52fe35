// SPDX-License-Identifier: Apache-2.0
/**
 * Guest memory as instructions see it: {@link dev.faultline.cpu.x86.memory.Mem} for what hits,
 * {@link dev.faultline.cpu.x86.memory.Misses} for what does not, {@link
 * dev.faultline.cpu.x86.memory.SystemMemory} for the processor's own structures. What has no single
 * host address is staged. Everything runs on the vCPU's thread.
 */
@NullMarked
package dev.faultline.cpu.x86.memory;

import org.jspecify.annotations.NullMarked;
