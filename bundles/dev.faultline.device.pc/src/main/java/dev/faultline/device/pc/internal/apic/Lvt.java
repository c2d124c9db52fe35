// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.apic;

import dev.faultline.api.device.StateSection;
import java.util.Arrays;

/**
 * The local vector table of a local APIC (SDM 3A, "Local Vector Table"): what each entry holds and
 * may hold. What an interrupt of an entry does is {@link LocalApic}'s. Guarded by the bus's lock.
 */
final class Lvt {
    static final int TIMER = 0;
    static final int LINT0 = 3;
    static final int ERROR = 5;
    static final int MASKED = 0x1_0000;
    private static final int COUNT = 6;

    /** Bits that software may change, by entry. */
    private static final int[] WRITABLE = {
        0x7_00FF, 0x1_07FF, 0x1_07FF, 0x1_A7FF, 0x1_A7FF, 0x1_00FF
    };

    private final int[] entries = new int[COUNT];

    /**
     * Masks all entries and empties them.
     *
     * @param extInt LINT0 passes the 8259's interrupts through
     */
    void reset(boolean extInt) {
        Arrays.fill(entries, MASKED);
        if (extInt) {
            entries[LINT0] = LocalApic.DELIVERY_EXTINT << 8;
        }
    }

    int read(int entry) {
        return entries[entry];
    }

    /**
     * @param enabled false: software has switched the APIC off, and every entry stays masked
     * @return what the entry holds now
     */
    int write(int entry, int value, boolean enabled) {
        int written = value & WRITABLE[entry];
        if (!enabled) {
            written |= MASKED;
        }
        entries[entry] = written;
        return written;
    }

    void maskAll() {
        for (int i = 0; i < COUNT; i++) {
            entries[i] |= MASKED;
        }
    }

    boolean isMasked(int entry) {
        return (entries[entry] & MASKED) != 0;
    }

    int vector(int entry) {
        return entries[entry] & 0xFF;
    }

    /** Delivery mode, as in the interrupt command register. */
    int delivery(int entry) {
        return entries[entry] >> 8 & 7;
    }

    void save(StateSection to) {
        to.put("lvt", entries);
    }

    /**
     * @param owner whom a message names
     */
    void load(StateSection from, String owner) {
        from.getInto("lvt", entries);
        for (int i = 0; i < COUNT; i++) {
            if ((entries[i] & ~(WRITABLE[i] | MASKED)) != 0) {
                throw new IllegalArgumentException(
                        "%s: no entry %d of the LVT is 0x%x".formatted(owner, i, entries[i]));
            }
        }
    }
}
