// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.memory.MemoryListener;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.platform.HostRegion;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * The least that the MMU needs of guest memory: slots that are added, replaced and removed as
 * wholes.
 */
final class TestMemory implements GuestMemory {
    private record Block(String name, long hva, long size) implements RamBlock {
        @Override
        public void discard(long offset, long bytes) {
            HostBytes.fill(hva + offset, bytes, (byte) 0);
        }

        @Override
        public long residentBytes() {
            return size;
        }
    }

    private final Arena arena = Arena.ofShared();
    private final int bits;
    private final List<RamBlock> blocks = new CopyOnWriteArrayList<>();
    private final List<MemoryListener> listeners = new CopyOnWriteArrayList<>();
    private volatile List<MemorySlot> slots = List.of();

    TestMemory(int bits) {
        this.bits = bits;
    }

    /** Maps a new block. */
    RamBlock ram(long gpa, long size) {
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
        RamBlock b = new Block(name, arena.allocate(bytes, 4096).address(), bytes);
        blocks.add(b);
        return b;
    }

    @Override
    public synchronized RamBlock addBlock(String name, HostRegion region) {
        RamBlock b = new Block(name, region.address(), region.size());
        blocks.add(b);
        return b;
    }

    @Override
    public void removeBlock(RamBlock block) {
        blocks.remove(block);
    }

    @Override
    public List<RamBlock> blocks() {
        return blocks;
    }

    @Override
    public synchronized void map(
            long gpa, long size, RamBlock block, long offset, boolean readOnly) {
        MemorySlot now = new MemorySlot(gpa, size, block, offset, readOnly);
        List<MemorySlot> next = new ArrayList<>(slots);
        MemorySlot old = slotAt(gpa);
        if (old != null) {
            if (old.gpa() != gpa || old.size() != size) {
                throw new IllegalArgumentException("only whole slots are replaced here");
            }
            next.remove(old);
        }
        next.add(now);
        next.sort(Comparator.comparingLong(MemorySlot::gpa));
        slots = List.copyOf(next);
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
        MemorySlot old = slotAt(gpa);
        List<MemorySlot> next = new ArrayList<>(slots);
        next.remove(old);
        slots = List.copyOf(next);
        listeners.forEach(l -> l.mappingRemoved(old));
    }

    @Override
    public List<MemorySlot> slots() {
        return slots;
    }

    @Override
    public MemorySlot slotAt(long gpa) {
        List<MemorySlot> all = slots;
        for (int i = 0; i < all.size(); i++) { // no iterator: allocation is counted
            MemorySlot s = all.get(i);
            if (s.contains(gpa)) {
                return s;
            }
        }
        return null;
    }

    @Override
    public long hvaOf(long gpa) {
        MemorySlot s = slotAt(gpa);
        return s == null ? -1 : s.hva() + gpa - s.gpa();
    }

    @Override
    public long highestMapped() {
        return slots.isEmpty() ? 0 : slots.getLast().end();
    }

    @Override
    public void addListener(MemoryListener listener) {
        listeners.add(listener);
    }

    @Override
    public void removeListener(MemoryListener listener) {
        listeners.remove(listener);
    }

    @Override
    public void close() {
        arena.close();
    }
}
