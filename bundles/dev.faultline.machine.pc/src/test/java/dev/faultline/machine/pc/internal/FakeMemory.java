// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.MemoryListener;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.platform.HostRegion;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/** Guest memory without overlaps or listeners. */
final class FakeMemory implements GuestMemory {
    private record Block(String name, long hva, long size) implements RamBlock {
        @Override
        public long residentBytes() {
            return size;
        }

        @Override
        public void discard(long offset, long bytes) {
            throw new AssertionError("not needed");
        }
    }

    private final Arena arena = Arena.ofShared();
    private final List<RamBlock> blocks = new ArrayList<>();
    private final List<MemorySlot> slots = new ArrayList<>();

    @Override
    public int physicalAddressBits() {
        return 46;
    }

    @Override
    public RamBlock addBlock(String name, long bytes) {
        Block b = new Block(name, arena.allocate(bytes, 4096).address(), bytes);
        blocks.add(b);
        return b;
    }

    @Override
    public RamBlock addBlock(String name, HostRegion region) {
        Block b = new Block(name, region.address(), region.size());
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
    public void map(long gpa, long size, RamBlock block, long offset, boolean readOnly) {
        slots.add(new MemorySlot(gpa, size, block, offset, readOnly));
    }

    @Override
    public void unmap(long gpa, long size) {
        throw new AssertionError("not needed");
    }

    @Override
    public List<MemorySlot> slots() {
        return slots;
    }

    @Override
    public MemorySlot slotAt(long gpa) {
        return slots.stream().filter(s -> s.contains(gpa)).findFirst().orElse(null);
    }

    @Override
    public long hvaOf(long gpa) {
        MemorySlot s = slotAt(gpa);
        return s == null ? -1 : s.hva() + gpa - s.gpa();
    }

    @Override
    public long highestMapped() {
        return slots.stream().mapToLong(MemorySlot::end).max().orElse(0);
    }

    @Override
    public void addListener(MemoryListener listener) {}

    @Override
    public void removeListener(MemoryListener listener) {}

    @Override
    public void close() {
        arena.close();
    }
}
