// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.memory;

import static dev.faultline.api.cpu.Gpr.RSP;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;

/**
 * Implicit stack accesses in any mode: SS, with the stack pointer masked by {@code v.stackMask}.
 * SDM 1, "Procedure Stack".
 */
public final class Stack {

    private Stack() {}

    /**
     * Translates the {@code size} bytes below the stack pointer for writing; the pointer stays.
     *
     * @return hva, or negative: the fault was raised
     */
    public static long pushProbe(VcpuContext v, int size) {
        return writeAt(v, -size, size);
    }

    /** As {@link #pushProbe}, {@code delta} bytes from the stack pointer. */
    public static long writeAt(VcpuContext v, long delta, int size) {
        long lin =
                Segmentation.linear(v, Segments.SS, v.gpr[RSP] + delta & v.stackMask, size, Mem.W);
        return Segmentation.failed(v, lin) ? lin : Mem.write(v, Segments.SS, lin, size);
    }

    /** Translates {@code size} bytes, {@code delta} bytes from the stack pointer, for reading. */
    public static long readAt(VcpuContext v, long delta, int size) {
        long lin =
                Segmentation.linear(v, Segments.SS, v.gpr[RSP] + delta & v.stackMask, size, Mem.R);
        return Segmentation.failed(v, lin) ? lin : Mem.read(v, Segments.SS, lin, size);
    }

    /** RSP moved by {@code delta}: bits outside a 16-bit stack pointer stay. */
    public static long moved(VcpuContext v, long delta) {
        return with(v, v.gpr[RSP] + delta);
    }

    /** RSP with its stack pointer part replaced. */
    public static long with(VcpuContext v, long pointer) {
        long mask = v.stackMask;
        return mask == 0xFFFF ? v.gpr[RSP] & ~mask | pointer & mask : pointer & mask;
    }

    /** Moves the stack pointer. */
    public static void move(VcpuContext v, long delta) {
        v.gpr[RSP] = moved(v, delta);
    }
}
