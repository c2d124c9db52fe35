// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Page;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Bits and reserved bits of paging-structure entries (SDM 3A, chapter "Paging"), and
 * single-copy-atomic access to them.
 */
final class Paging {
    static final long P = 1;
    static final long RW = 2;
    static final long US = 4;
    static final long A = 0x20;
    static final long D = 0x40;
    static final long PS = 0x80;
    static final long G = 0x100;
    static final long XD = 1L << 63;

    /** Page-fault error code (SDM 3A, "Page-Fault Exceptions"). */
    static final int PF_P = 1;

    static final int PF_W = 2;
    static final int PF_U = 4;
    static final int PF_RSVD = 8;
    static final int PF_ID = 16;

    static final int VECTOR_GP = 13;
    static final int VECTOR_PF = 14;

    private static final VarHandle INT =
            ValueLayout.JAVA_INT
                    .withOrder(ByteOrder.LITTLE_ENDIAN)
                    .varHandle()
                    .withInvokeExactBehavior();
    private static final VarHandle LONG =
            ValueLayout.JAVA_LONG
                    .withOrder(ByteOrder.LITTLE_ENDIAN)
                    .varHandle()
                    .withInvokeExactBehavior();
    private static final MemorySegment HOST = HostBytes.ALL;

    /** Address field of 8-byte entries: bits M-1..12, M = physical width. */
    final long address;

    /** Reserved in every 4-level entry: bits 51..M. */
    final long reservedLong;

    /** Reserved in PAE entries: bits 62..M. */
    final long reservedPae;

    /** Reserved in a present PDPTE register. */
    final long reservedPdpte;

    /** Reserved in the PDE of a 4 MiB page (PSE-36): bits 21..M-19, with M at most 40. */
    final long reserved4m;

    Paging(int physicalBits) {
        long width = (1L << physicalBits) - 1;
        address = width & Page.MASK;
        reservedLong = (1L << 52) - 1 & ~width;
        reservedPae = Long.MAX_VALUE & ~width;
        reservedPdpte = ~width | 0x1E6;
        reserved4m = (1L << 22) - 1 & -(1L << Math.min(40, physicalBits) - 19);
    }

    static boolean paging(VcpuContext v) {
        return (v.cr0 & VcpuContext.CR0_PG) != 0;
    }

    /** While paging is off linear addresses are guest-physical ones (SDM 3A, "Paging Modes"). */
    static @Gpa long unpaged(@Gva long lin) {
        long same = lin;
        return same;
    }

    /** EFER.NXE counts only where entries have an XD bit. */
    static boolean nxe(VcpuContext v) {
        return (v.efer & VcpuContext.EFER_NXE) != 0
                && ((v.cr4 & VcpuContext.CR4_PAE) != 0 || (v.efer & VcpuContext.EFER_LMA) != 0);
    }

    static long load64(long hva) {
        return (long) LONG.getAcquire(HOST, hva);
    }

    static int load32(long hva) {
        return (int) INT.getAcquire(HOST, hva);
    }

    static boolean cas64(long hva, long old, long now) {
        return LONG.compareAndSet(HOST, hva, old, now);
    }

    static boolean cas32(long hva, int old, int now) {
        return INT.compareAndSet(HOST, hva, old, now);
    }
}
