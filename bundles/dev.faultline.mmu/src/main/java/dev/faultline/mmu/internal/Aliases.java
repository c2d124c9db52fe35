// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import dev.faultline.api.address.Page;
import dev.faultline.api.memory.MemorySlot;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Which guest-physical pages are the same bytes of the host: slots whose backings overlap. Few
 * machines have any. Immutable; of one map of slots.
 */
final class Aliases {
    /** The map that this was made of; it is replaced, never changed. */
    final List<MemorySlot> slots;

    /** Slots that share bytes with another one. */
    private final MemorySlot[] shared;

    Aliases(List<MemorySlot> slots) {
        this.slots = slots;
        List<MemorySlot> sorted = new ArrayList<>(slots);
        sorted.sort(Comparator.comparingLong(MemorySlot::hva));
        boolean[] overlaps = new boolean[sorted.size()];
        int widest = -1; // of those before, the one that ends last
        int count = 0;
        for (int i = 0; i < overlaps.length; i++) {
            if (widest >= 0 && sorted.get(i).hva() < hostEnd(sorted.get(widest))) {
                count += (overlaps[i] ? 0 : 1) + (overlaps[widest] ? 0 : 1);
                overlaps[i] = true;
                overlaps[widest] = true;
            }
            if (widest < 0 || hostEnd(sorted.get(i)) > hostEnd(sorted.get(widest))) {
                widest = i;
            }
        }
        shared = new MemorySlot[count];
        for (int i = 0, n = 0; i < overlaps.length; i++) {
            if (overlaps[i]) {
                shared[n++] = sorted.get(i);
            }
        }
    }

    private static long hostEnd(MemorySlot s) {
        return s.hva() + s.size();
    }

    /** Slots to ask {@link #gfn} about. */
    int count() {
        return shared.length;
    }

    /** The gfn under which slot {@code i} shows the byte at {@code hva}, or -1. */
    long gfn(int i, long hva) {
        MemorySlot s = shared[i];
        long offset = hva - s.hva();
        return offset >= 0 && offset < s.size() ? Page.gfn(s.gpa() + offset) : -1;
    }
}
