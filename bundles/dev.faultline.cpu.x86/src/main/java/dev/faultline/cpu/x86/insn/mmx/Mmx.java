// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.mmx;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.insn.x87.X87;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.state.Faults;
import dev.faultline.cpu.x86.state.Outcome;

/**
 * MMX registers in the x87 register file: MMn is the significand of physical register Rn (SDM 1,
 * "Programming with Intel MMX Technology"; SDM 3A, "Effect of MMX Instructions on x87 FPU State").
 */
public final class Mmx {
    private static final int BLOCKING = VcpuContext.CR0_EM | VcpuContext.CR0_TS;

    /** Status word: an unmasked x87 exception is pending. */
    private static final int ES = 0x80;

    private static final int TOP = 0x3800;

    private Mmx() {}

    /** Whether an MMX instruction faults before it does anything; then {@code return refuse(v)}. */
    public static boolean unavailable(VcpuContext v) {
        return (v.cr0 & BLOCKING | v.fsw & ES) != 0
                && ((v.cr0 & BLOCKING) != 0 || !X87.ignoresErrors(v));
    }

    /** #UD, #NM, or what reports an x87 error. */
    public static int refuse(VcpuContext v) {
        if ((v.cr0 & VcpuContext.CR0_EM) != 0) {
            return Faults.ud(v);
        }
        return (v.cr0 & VcpuContext.CR0_TS) != 0 ? Faults.nm(v) : X87.error(v);
    }

    /**
     * What every MMX instruction does to the x87 state: TOP 0, all registers valid (EMMS: empty).
     * After the last fault (MASKMOVQ: before its first, as hardware).
     */
    public static void enter(VcpuContext v) {
        v.fsw &= ~TOP;
        v.fpTag = 0xFF;
    }

    /**
     * The part of {@link #enter} that hardware does even if the store of an MMX register then
     * faults.
     */
    static void clearTop(VcpuContext v) {
        v.fsw &= ~TOP;
    }

    public static long get(VcpuContext v, int mm) {
        return v.fpSig[mm];
    }

    /** Writes MMn; its sign and exponent become ones. Includes {@link #enter}. */
    public static void set(VcpuContext v, int mm, long value) {
        enter(v);
        v.fpSig[mm] = value;
        v.fpExp[mm] = 0xFFFF;
    }

    /**
     * Whether all {@code size} bytes at {@code lin} are canonical, which a masked store checks even
     * if it stores nothing.
     */
    public static boolean addressable(VcpuContext v, long lin, int size) {
        return v.codeBits != 64
                || VcpuContext.canonical(lin) && VcpuContext.canonical(lin + size - 1);
    }

    /**
     * Stores those of eight bytes whose bit in {@code mask} is set, without reading the others: a
     * device sees the writes only.
     *
     * @param hva what {@link Mem#write} gave for all eight
     */
    public static int storeMasked(
            VcpuContext v, int seg, long lin, long hva, int mask, long bytes) {
        boolean apart = hva == v.scratchWrite;
        int result = Outcome.NEXT;
        for (int i = 0; i < 8; i++) {
            if ((mask >>> i & 1) != 0) {
                long at = hva + i;
                if (apart) {
                    long next = v.codeBits == 64 ? lin + i : lin + i & 0xFFFF_FFFFL;
                    at = Mem.write(v, seg, next, 1);
                    if (at < 0) {
                        return Outcome.FAULT;
                    }
                }
                HostBytes.put8(at, (byte) (bytes >>> 8 * i));
                result |= Mem.commit(v, at);
            }
        }
        return result;
    }

    /** #SS or #GP for an address that is not {@link #addressable}. */
    public static int unaddressable(VcpuContext v, int seg) {
        return seg == Segments.SS ? Faults.ss(v, 0) : Faults.gp(v, 0);
    }
}
