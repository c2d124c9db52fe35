// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit.memory;

import dev.faultline.api.address.Page;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.MemoryListener;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.platform.HostRegion;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * A guest-physical space of slots that are added, replaced and removed as wholes; neighbours stay
 * apart. Listeners are told of each change after it was made. Any thread; queries do not allocate.
 */
public final class FakeMemory implements GuestMemory {
    private static final int PAGE = Page.SIZE;
    private static final int USUAL_BITS = 46;

    private final Arena arena = Arena.ofShared();
    private final int bits;
    private final boolean hollow;
    private final List<RamBlock> blocks = new CopyOnWriteArrayList<>();
    private final List<MemoryListener> listeners = new CopyOnWriteArrayList<>();
    private volatile List<MemorySlot> slots = List.of();
    private volatile long highest;

    /** Nothing is mapped yet. */
    public FakeMemory(int physicalAddressBits) {
        this(physicalAddressBits, false);
    }

    private FakeMemory(int physicalAddressBits, boolean hollow) {
        bits = physicalAddressBits;
        this.hollow = hollow;
    }

    /**
     * RAM from gpa 0 on with no bytes behind it, of any size: for what only asks what is mapped
     * where. Asking for a byte's address fails.
     */
    public static FakeMemory hollow(long size) {
        FakeMemory m = new FakeMemory(USUAL_BITS, true);
        m.map(0, size, new FakeBlock("ram", 1L << 40, size), 0, false);
        return m;
    }

    /** Maps a new block of zeroes. */
    public RamBlock ram(long gpa, long size) {
        RamBlock b = addBlock("b" + blocks.size(), size);
        map(gpa, size, b, 0, false);
        return b;
    }

    @Override
    public int physicalAddressBits() {
        return bits;
    }

    @Override
    public synchronized RamBlock addBlock(String name, long bytes) {
        RamBlock b = new FakeBlock(name, arena.allocate(bytes, PAGE).address(), bytes);
        blocks.add(b);
        return b;
    }

    @Override
    public RamBlock addBlock(String name, HostRegion region) {
        throw new AssertionError("GuestMemory.addBlock of a region");
    }

    @Override
    public void removeBlock(RamBlock block) {
        throw new AssertionError("GuestMemory.removeBlock");
    }

    /** Those of {@link #addBlock}. */
    @Override
    public List<RamBlock> blocks() {
        return List.copyOf(blocks);
    }

    /** Any block, not only this space's: a {@link FakeBlock} says where bytes are. */
    @Override
    public synchronized void map(
            long gpa, long size, RamBlock block, long offset, boolean readOnly) {
        MemorySlot now = new MemorySlot(gpa, size, block, offset, readOnly);
        MemorySlot old = whole(gpa, size, "GuestMemory.map");
        List<MemorySlot> next = new ArrayList<>(slots);
        next.remove(old);
        next.add(now);
        next.sort(Comparator.comparingLong(MemorySlot::gpa));
        listeners.forEach(l -> l.beforeMapping(now));
        slots = List.copyOf(next);
        highest = Math.max(highest, now.end());
        for (MemoryListener l : listeners) {
            if (old == null) {
                l.mappingAdded(now);
            } else {
                l.mappingChanged(old, now);
            }
        }
    }

    @Override
    public synchronized void unmap(long gpa, long size) {
        MemorySlot old = whole(gpa, size, "GuestMemory.unmap");
        if (old == null) {
            return;
        }
        slots = slots.stream().filter(s -> s != old).toList();
        listeners.forEach(l -> l.mappingRemoved(old));
    }

    /** The slot that is exactly there; null if none is in the way. */
    private @Nullable MemorySlot whole(long gpa, long size, String method) {
        for (MemorySlot s : slots) {
            if (s.gpa() == gpa && s.size() == size) {
                return s;
            }
            if (s.gpa() < gpa + size && gpa < s.end()) {
                throw new AssertionError(method + " of a part of " + s);
            }
        }
        return null;
    }

    @Override
    public List<MemorySlot> slots() {
        return slots;
    }

    @Override
    public @Nullable MemorySlot slotAt(long gpa) {
        List<MemorySlot> all = slots;
        for (int i = 0; i < all.size(); i++) { // an iterator would be allocated
            MemorySlot s = all.get(i);
            if (s.contains(gpa)) {
                return s;
            }
        }
        return null;
    }

    @Override
    public long hvaOf(long gpa) {
        if (hollow) {
            throw new AssertionError("GuestMemory.hvaOf");
        }
        MemorySlot s = slotAt(gpa);
        return s == null ? -1 : s.hva() + gpa - s.gpa();
    }

    @Override
    public long highestMapped() {
        return highest;
    }

    @Override
    public void addListener(MemoryListener listener) {
        listeners.add(listener);
    }

    @Override
    public void removeListener(MemoryListener listener) {
        listeners.remove(listener);
    }

    /** How many listen. */
    public int listeners() {
        return listeners.size();
    }

    @Override
    public void close() {
        arena.close();
    }
}
