// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.hax.HaxAbi.*;
import static dev.faultline.api.hax.HaxLayout.offset;

import dev.faultline.api.engine.CpuidPolicy;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.hax.HaxLayout;
import dev.faultline.api.memory.HostBytes;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Which of the CPU's features the guest of one VM is told of. All its vCPUs share one set. A client
 * narrows it by SET_CPUID; what the CPU does not have stays absent, and some features always stay,
 * since the rest of the interface depends on them.
 */
final class CpuidTable {
    private static final int HEAD = HaxLayout.size(HaxLayout.CPUID);
    private static final int ENTRY = HaxLayout.size(HaxLayout.CPUID_ENTRY);
    private static final int INDEX = offset(HaxLayout.CPUID_ENTRY, "index");
    private static final int EAX = offset(HaxLayout.CPUID_ENTRY, "eax");

    /** SET_CPUID and GET_CPUID on POSIX hosts: nothing is mapped below. */
    private static final long LOWEST_ADDRESS = PAGE;

    /** MCE, APIC, MTRR, PAT; and in ECX: a hypervisor is present. */
    private static final int LEAF1_EDX = 1 << 7 | 1 << 9 | 1 << 12 | 1 << 16;

    private static final int LEAF1_ECX = 1 << 31;

    /** Leaves that have features: function, and those that always stay, EAX EBX ECX EDX. */
    private static final int[][] FEATURES = {
        {1, -1, -1, LEAF1_ECX, LEAF1_EDX},
        {7, -1, 0, 0, 0},
        {0x8000_0001, -1, -1, 0, 0}
    };

    /** What GET_CPUID lists: function and index. */
    private static final int[][] LISTED = {
        {0, 0},
        {1, 0},
        {2, 0},
        {4, 0},
        {4, 1},
        {4, 2},
        {6, 0},
        {7, 0},
        {0xB, 0},
        {0xB, 1},
        {0x15, 0},
        {0x16, 0},
        {0x4000_0000, 0},
        {0x8000_0000, 0},
        {0x8000_0001, 0},
        {0x8000_0002, 0},
        {0x8000_0003, 0},
        {0x8000_0004, 0},
        {0x8000_0006, 0},
        {0x8000_0007, 0},
        {0x8000_0008, 0}
    };

    /** By {@link #FEATURES}: bits of EAX EBX ECX EDX that the guest may see. Replaced whole. */
    private volatile int[][] visible = {{-1, -1, -1, -1}, {-1, -1, -1, -1}, {-1, -1, -1, -1}};

    /** What a vCPU answers: what {@code cpu} does, narrowed. */
    CpuidPolicy over(CpuidPolicy cpu) {
        return (v, leaf, subleaf, out) -> {
            cpu.query(v, leaf, subleaf, out);
            narrow(leaf, subleaf, out);
        };
    }

    private void narrow(int leaf, int subleaf, int[] out) {
        int i = row(leaf, leaf == 7 ? subleaf : 0);
        if (i >= 0) {
            int[] bits = visible[i];
            for (int r = 0; r < 4; r++) {
                out[r] &= bits[r];
            }
        }
    }

    private static int row(int function, int index) {
        for (int i = 0; i < FEATURES.length; i++) {
            if (FEATURES[i][0] == function && index == 0) {
                return i;
            }
        }
        return -1;
    }

    /**
     * The table that the argument of SET_CPUID or GET_CPUID stands for, head first.
     *
     * @param inline it is the argument itself (Windows), rather than the address of it
     * @return null: there is none, or it is not all there
     */
    static @Nullable ByteBuffer at(ByteBuffer arg, boolean inline) {
        if (!inline) {
            long va = arg.getLong(0);
            if (Long.compareUnsigned(va, LOWEST_ADDRESS) < 0) {
                return null;
            }
            int bytes = HEAD + ENTRY * Math.clamp(entries(va), 0, MAX_CPUID_ENTRIES);
            return java.lang.foreign.MemorySegment.ofAddress(va)
                    .reinterpret(bytes)
                    .asByteBuffer()
                    .order(ByteOrder.LITTLE_ENDIAN);
        }
        long bytes = HEAD + (long) ENTRY * Integer.toUnsignedLong(arg.getInt(0));
        return bytes > arg.limit() ? null : arg;
    }

    private static long entries(long va) {
        return Integer.toUnsignedLong(HostBytes.get32(va));
    }

    /**
     * Takes the features of the first entry for each leaf that has some. Registers without features
     * and other leaves are ignored.
     *
     * @param table with as many entries as it says, up to the maximum
     * @return 0, EINVAL: no entries, E2BIG: more than the maximum
     */
    synchronized int set(ByteBuffer table) {
        long total = Integer.toUnsignedLong(table.getInt(0));
        if (total == 0) {
            return EINVAL;
        }
        if (total > MAX_CPUID_ENTRIES) {
            return E2BIG;
        }
        int[][] next = visible.clone();
        boolean[] seen = new boolean[FEATURES.length];
        for (int e = 0; e < total; e++) {
            int at = HEAD + e * ENTRY;
            int i = row(table.getInt(at), table.getInt(at + INDEX));
            if (i < 0 || seen[i]) {
                continue;
            }
            seen[i] = true;
            next[i] = new int[4];
            for (int r = 0; r < 4; r++) {
                next[i][r] = table.getInt(at + EAX + 4 * r) | FEATURES[i][1 + r];
            }
        }
        visible = next;
        return 0;
    }

    /**
     * Lists what the guest is told, as a vCPU 0 in 64-bit mode: some features are only told there.
     * A table of no entries gets their number; one of too few does too, and is refused.
     *
     * @param cpu what the CPU says
     * @return 0, or E2BIG: too few entries, or more than the maximum
     */
    int get(ByteBuffer table, CpuidPolicy cpu, VcpuContext like) {
        long total = Integer.toUnsignedLong(table.getInt(0));
        if (total > MAX_CPUID_ENTRIES) {
            return E2BIG;
        }
        table.putInt(0, LISTED.length);
        if (total < LISTED.length) {
            return total == 0 ? 0 : E2BIG;
        }
        VcpuContext asked = new VcpuContext(0);
        asked.clock = like.clock;
        asked.codeBits = 64;
        int[] out = new int[4];
        for (int e = 0; e < LISTED.length; e++) {
            int at = HEAD + e * ENTRY;
            for (int i = 0; i < ENTRY; i += 4) {
                table.putInt(at + i, 0);
            }
            table.putInt(at, LISTED[e][0]);
            table.putInt(at + INDEX, LISTED[e][1]);
            cpu.query(asked, LISTED[e][0], LISTED[e][1], out);
            narrow(LISTED[e][0], LISTED[e][1], out);
            for (int r = 0; r < 4; r++) {
                table.putInt(at + EAX + 4 * r, out[r]);
            }
        }
        return 0;
    }
}
