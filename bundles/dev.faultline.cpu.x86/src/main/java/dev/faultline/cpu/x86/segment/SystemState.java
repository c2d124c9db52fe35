// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.segment;

import dev.faultline.api.engine.EngineScratch;
import dev.faultline.api.engine.VcpuContext;

/**
 * Scratch of the system instructions of one vCPU, in {@code v.system}: nothing here outlives an
 * instruction boundary.
 */
public final class SystemState extends EngineScratch {
    /**
     * The descriptor that {@link Descriptors} read last: its bytes, the upper half of a 16-byte
     * one, and its linear address.
     */
    public long descriptor;

    public long descriptorHigh;
    public long descriptorLin;

    /** What {@link Descriptors#readWord} read. */
    public long value;

    /** A 64-bit gate of the IDT and its target. */
    public long gate;

    public long gateTarget;

    /** What {@link Stacks#inner} found: selector, pointer, descriptor and its linear address. */
    public int stackSelector;

    public long stackPointer;
    public long stackDescriptor;
    public long stackLin;

    public final PlannedWrites writes = new PlannedWrites();

    /** Values to push, first pushed first. */
    public final long[] frame = new long[40];

    public int pushes;

    /** {@link Stacks}: the last planning of pushes failed. */
    public boolean failed;

    /** For CPUID. */
    public final int[] regs = new int[4];

    /** Adds a value to {@link #frame}. */
    public void push(long val) {
        frame[pushes++] = val;
    }

    public static SystemState of(VcpuContext v) {
        if (v.system instanceof SystemState had) {
            return had;
        }
        SystemState s = new SystemState();
        v.system = s;
        return s;
    }
}
