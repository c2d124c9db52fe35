// SPDX-License-Identifier: Apache-2.0
package dev.faultline.protection.internal;

import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.MemoryListener;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.platform.HostRegion;
import java.util.ArrayList;
import java.util.List;

/**
 * A guest-physical space of fixed slots without memory behind them: protection only ever asks what
 * is mapped where.
 */
final class FakeMemory implements GuestMemory {
    final List<MemorySlot> slots = new ArrayList<>();
    final List<MemoryListener> listeners = new ArrayList<>();
    long highest;

    record Block(String name, long hva, long size) implements RamBlock {
        @Override
        public void discard(long offset, long bytes) {
            throw new AssertionError("protection does not touch memory");
        }

        @Override
        public long residentBytes() {
            throw new AssertionError("protection does not touch memory");
        }
    }

    /** RAM from gpa 0. */
    static FakeMemory of(long size) {
        FakeMemory m = new FakeMemory();
        m.add(0, size, new Block("ram", 1L << 40, size), 0);
        return m;
    }

    void add(long gpa, long size, RamBlock block, long offset) {
        slots.add(new MemorySlot(gpa, size, block, offset, false));
        highest = Math.max(highest, gpa + size);
    }

    @Override
    public List<MemorySlot> slots() {
        return slots;
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

    @Override
    public int physicalAddressBits() {
        throw notAsked();
    }

    @Override
    public RamBlock addBlock(String name, long bytes) {
        throw notAsked();
    }

    @Override
    public RamBlock addBlock(String name, HostRegion region) {
        throw notAsked();
    }

    @Override
    public void removeBlock(RamBlock block) {
        throw notAsked();
    }

    @Override
    public List<RamBlock> blocks() {
        throw notAsked();
    }

    @Override
    public void map(long gpa, long size, RamBlock block, long offset, boolean readOnly) {
        throw notAsked();
    }

    @Override
    public void unmap(long gpa, long size) {
        throw notAsked();
    }

    @Override
    public MemorySlot slotAt(long gpa) {
        return slots.stream().filter(s -> s.contains(gpa)).findFirst().orElse(null);
    }

    @Override
    public long hvaOf(long gpa) {
        throw notAsked();
    }

    @Override
    public void close() {}

    private static AssertionError notAsked() {
        return new AssertionError("protection does not ask this");
    }
}
