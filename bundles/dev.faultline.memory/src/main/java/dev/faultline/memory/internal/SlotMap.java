// SPDX-License-Identifier: Apache-2.0
package dev.faultline.memory.internal;

import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.memory.RamBlock;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An immutable set of slots: ascending, disjoint, coalesced. Published as a whole, so readers
 * always see one consistent map; a change makes a new map.
 */
final class SlotMap {
    static final SlotMap EMPTY = new SlotMap(List.of());

    private final List<MemorySlot> slots;
    private final MemorySlot[] byIndex;

    /**
     * {@code starts[i]} and {@code hvas[i]} are the first gpa and the hva of slot i: the lookup
     * touches nothing else.
     */
    private final long[] starts;

    private final long[] hvas;

    private SlotMap(List<MemorySlot> slots) {
        this.slots = slots;
        byIndex = slots.toArray(new MemorySlot[0]);
        starts = new long[byIndex.length];
        hvas = new long[byIndex.length];
        for (int i = 0; i < byIndex.length; i++) {
            starts[i] = byIndex[i].gpa();
            hvas[i] = byIndex[i].hva();
        }
    }

    List<MemorySlot> slots() {
        return slots;
    }

    /** The slot at {@code gpa} or null. */
    @Nullable MemorySlot at(long gpa) {
        int i = indexOf(gpa);
        return i < 0 ? null : byIndex[i];
    }

    /** hva of the byte at {@code gpa} or -1. */
    long hvaOf(long gpa) {
        int i = indexOf(gpa);
        return i < 0 ? -1 : hvas[i] + (gpa - starts[i]);
    }

    /**
     * Index of the slot that contains {@code gpa}, or -1. Gpas of slots are below 2^52, so a
     * negative gpa is never found.
     */
    private int indexOf(long gpa) {
        long[] s = starts;
        int low = 0;
        int high = s.length - 1;
        while (low <= high) {
            int mid = (low + high) >>> 1;
            if (s[mid] <= gpa) {
                low = mid + 1;
            } else {
                high = mid - 1;
            }
        }
        return high >= 0 && gpa - s[high] < byIndex[high].size() ? high : -1;
    }

    boolean refersTo(RamBlock block) {
        for (MemorySlot s : byIndex) {
            if (s.block() == block) {
                return true;
            }
        }
        return false;
    }

    /** This map with {@code now} laid over it. */
    SlotMap with(MemorySlot now) {
        List<MemorySlot> result = new ArrayList<>(byIndex.length + 2);
        boolean placed = false;
        for (MemorySlot old : byIndex) {
            if (!placed && old.gpa() >= now.gpa()) {
                append(result, now);
                placed = true;
            }
            addClipped(result, old, old.gpa(), Math.min(old.end(), now.gpa()));
            if (!placed && old.end() > now.gpa()) {
                append(result, now);
                placed = true;
            }
            addClipped(result, old, Math.max(old.gpa(), now.end()), old.end());
        }
        if (!placed) {
            append(result, now);
        }
        return new SlotMap(List.copyOf(result));
    }

    /** This map without [gpa, end). */
    SlotMap without(long gpa, long end) {
        List<MemorySlot> result = new ArrayList<>(byIndex.length + 1);
        for (MemorySlot old : byIndex) {
            addClipped(result, old, old.gpa(), Math.min(old.end(), gpa));
            addClipped(result, old, Math.max(old.gpa(), end), old.end());
        }
        return new SlotMap(List.copyOf(result));
    }

    /** The part of {@code slot} in [gpa, end). */
    static MemorySlot clip(MemorySlot slot, long gpa, long end) {
        if (gpa == slot.gpa() && end == slot.end()) {
            return slot;
        }
        return new MemorySlot(
                gpa, end - gpa, slot.block(), slot.offset() + (gpa - slot.gpa()), slot.readOnly());
    }

    /**
     * True if both say the same about a byte that lies in both: same block, same linear relation,
     * same read-only flag.
     */
    static boolean sameType(MemorySlot a, MemorySlot b) {
        return a.block() == b.block()
                && a.gpa() - a.offset() == b.gpa() - b.offset()
                && a.readOnly() == b.readOnly();
    }

    private static void addClipped(List<MemorySlot> to, MemorySlot slot, long gpa, long end) {
        if (gpa < end) {
            append(to, clip(slot, gpa, end));
        }
    }

    /** Appends {@code slot}, or extends the last slot if the two continue each other. */
    private static void append(List<MemorySlot> to, MemorySlot slot) {
        if (!to.isEmpty()) {
            MemorySlot last = to.getLast();
            if (last.end() == slot.gpa() && sameType(last, slot)) {
                to.set(
                        to.size() - 1,
                        new MemorySlot(
                                last.gpa(),
                                last.size() + slot.size(),
                                last.block(),
                                last.offset(),
                                last.readOnly()));
                return;
            }
        }
        to.add(slot);
    }
}
