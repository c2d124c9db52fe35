// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.system;

import dev.faultline.api.engine.EngineScratch;
import dev.faultline.api.engine.VcpuContext;

/**
 * Scratch of the system instructions of one vCPU, in {@code v.system}: nothing here outlives an
 * instruction boundary.
 */
final class SystemState extends EngineScratch {
    /**
     * The descriptor that {@link Descriptors} read last: its bytes, the upper half of a 16-byte
     * one, and its linear address.
     */
    long descriptor;

    long descriptorHigh;
    long descriptorLin;

    /** What {@link Descriptors#readWord} read. */
    long value;

    /** A 64-bit gate of the IDT and its target. */
    long gate;

    long gateTarget;

    /** What {@link Stacks#inner} found: selector, pointer, descriptor and its linear address. */
    int stackSelector;

    long stackPointer;
    long stackDescriptor;
    long stackLin;

    final PlannedWrites writes = new PlannedWrites();

    /** Values to push, first pushed first. */
    final long[] frame = new long[40];

    int pushes;

    /** {@link Stacks}: the last planning of pushes failed. */
    boolean failed;

    /** For CPUID. */
    final int[] regs = new int[4];

    /** Adds a value to {@link #frame}. */
    void push(long val) {
        frame[pushes++] = val;
    }

    static SystemState of(VcpuContext v) {
        if (v.system instanceof SystemState had) {
            return had;
        }
        SystemState s = new SystemState();
        v.system = s;
        return s;
    }
}
