// SPDX-License-Identifier: Apache-2.0
package dev.faultline.memory.internal;

import dev.faultline.api.address.Page;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.MemoryListener;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.service.Others;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The guest-physical space of one machine.
 *
 * <p>Readers use the published {@link SlotMap} and never lock. Changes serialise on {@link
 * #changing}, the outermost lock of this bundle: it is held while listeners run, because the next
 * change must not overtake the listeners of this one. The order of a change is always: check,
 * announce what is to be mapped, publish the new map, tell the listeners, and only then release
 * backing memory.
 */
final class GuestSpace implements GuestMemory {
    private static final System.Logger LOG = System.getLogger(GuestSpace.class.getName());

    private final HostMemory host;
    private final int physicalAddressBits;
    private final ReentrantLock changing = new ReentrantLock();
    private final CopyOnWriteArrayList<MemoryListener> listeners = new CopyOnWriteArrayList<>();
    private final CopyOnWriteArrayList<HostBlock> blocks = new CopyOnWriteArrayList<>();
    private volatile SlotMap map = SlotMap.EMPTY;
    private volatile long highestMapped;
    private volatile boolean closed;

    GuestSpace(HostMemory host, int physicalAddressBits) {
        if (physicalAddressBits < 32 || physicalAddressBits > 52) {
            throw new IllegalArgumentException(
                    "physical address width %d: expected 32 .. 52 bits"
                            .formatted(physicalAddressBits));
        }
        this.host = host;
        this.physicalAddressBits = physicalAddressBits;
    }

    @Override
    public int physicalAddressBits() {
        return physicalAddressBits;
    }

    // ---- blocks

    @Override
    public RamBlock addBlock(String name, long bytes) {
        if (bytes <= 0 || bytes % Page.SIZE != 0) {
            throw new IllegalArgumentException(
                    "size 0x%x of block %s: expected a positive multiple of 0x1000"
                            .formatted(bytes, name));
        }
        return add(name, () -> host.reserve(bytes), bytes);
    }

    @Override
    public RamBlock addBlock(String name, HostRegion region) {
        long hva = region.address();
        long bytes = region.size();
        if (hva <= 0
                || hva % Page.SIZE != 0
                || bytes <= 0
                || bytes % Page.SIZE != 0
                || hva + bytes < 0) {
            throw new IllegalArgumentException(
                    "hva 0x%x, size 0x%x of block %s: expected multiples of 0x1000 inside the address space"
                            .formatted(hva, bytes, name));
        }
        return add(name, () -> region, bytes);
    }

    private RamBlock add(String name, Supplier<HostRegion> region, long bytes) {
        if (name == null || name.isBlank()) {
            throw new IllegalArgumentException(
                    "block name \"%s\": expected a non-blank name".formatted(name));
        }
        lockForChange();
        try {
            for (HostBlock b : blocks) {
                if (b.name().equals(name)) {
                    throw new IllegalArgumentException(
                            "block name \"%s\": already in use".formatted(name));
                }
            }
            HostBlock block = new HostBlock(this, name, region.get(), bytes);
            blocks.add(block);
            return block;
        } finally {
            changing.unlock();
        }
    }

    @Override
    public void removeBlock(RamBlock block) {
        lockForChange();
        try {
            HostBlock mine = live(block);
            if (map.refersTo(mine)) {
                throw new IllegalStateException(
                        "block %s is still mapped: unmap its slots first".formatted(mine));
            }
            release(mine);
        } finally {
            changing.unlock();
        }
    }

    void discarding(HostBlock block, long offset, long bytes) {
        if (offset >= 0 && bytes > 0 && bytes <= block.size() - offset) { // else it is refused
            tell(List.of(l -> l.discarding(block, offset, bytes)));
        }
    }

    private void releaseAll() {
        for (HostBlock b : blocks) {
            Others.contained(LOG, "releasing block " + b, () -> release(b));
        }
    }

    private void release(HostBlock block) {
        blocks.remove(block);
        try {
            tell(List.of(l -> l.beforeRelease(block)));
        } finally {
            block.region().close();
        }
    }

    @Override
    public List<RamBlock> blocks() {
        return List.copyOf(blocks);
    }

    /** {@code block} as one of ours, not yet removed; with {@link #changing} held. */
    private HostBlock live(RamBlock block) {
        if (block instanceof HostBlock b && b.owner() == this && blocks.contains(b)) {
            return b;
        }
        throw new IllegalArgumentException(
                "block %s: not a block of this machine, or removed".formatted(block));
    }

    // ---- slots

    @Override
    public void map(long gpa, long size, RamBlock block, long offset, boolean readOnly) {
        checkRange(gpa, size);
        lockForChange();
        try {
            HostBlock backing = live(block);
            if (offset < 0 || offset % Page.SIZE != 0) {
                throw new IllegalArgumentException(
                        "offset 0x%x into block %s: expected a multiple of 0x1000"
                                .formatted(offset, backing));
            }
            if (offset > backing.size() || size > backing.size() - offset) {
                throw new IllegalArgumentException(
                        "0x%x bytes at offset 0x%x: past the end of block %s"
                                .formatted(size, offset, backing));
            }
            MemorySlot now = new MemorySlot(gpa, size, backing, offset, readOnly);
            tell(List.of(l -> l.beforeMapping(now)));
            SlotMap before = map;
            map = before.with(now);
            if (now.end() > highestMapped) {
                highestMapped = now.end();
            }
            tellMapped(before, now);
        } finally {
            changing.unlock();
        }
    }

    @Override
    public void unmap(long gpa, long size) {
        checkRange(gpa, size);
        lockForChange();
        try {
            remove(gpa, gpa + size);
        } finally {
            changing.unlock();
        }
    }

    private void remove(long gpa, long end) {
        SlotMap before = map;
        map = before.without(gpa, end);
        List<Consumer<MemoryListener>> events = new ArrayList<>();
        for (MemorySlot old : before.slots()) {
            long from = Math.max(old.gpa(), gpa);
            long to = Math.min(old.end(), end);
            if (from < to) {
                MemorySlot gone = SlotMap.clip(old, from, to);
                events.add(l -> l.mappingRemoved(gone));
            }
        }
        tell(events);
    }

    private void tellMapped(SlotMap before, MemorySlot now) {
        List<Consumer<MemoryListener>> events = new ArrayList<>();
        long at = now.gpa();
        for (MemorySlot old : before.slots()) {
            long from = Math.max(old.gpa(), now.gpa());
            long to = Math.min(old.end(), now.end());
            if (from >= to) {
                continue;
            }
            addGap(events, now, at, from);
            if (!SlotMap.sameType(old, now)) {
                MemorySlot was = SlotMap.clip(old, from, to);
                MemorySlot is = SlotMap.clip(now, from, to);
                events.add(l -> l.mappingChanged(was, is));
            }
            at = to;
        }
        addGap(events, now, at, now.end());
        tell(events);
    }

    private static void addGap(
            List<Consumer<MemoryListener>> events, MemorySlot now, long from, long to) {
        if (from < to) {
            MemorySlot added = SlotMap.clip(now, from, to);
            events.add(l -> l.mappingAdded(added));
        }
    }

    /**
     * Every listener hears every event, even if one throws: a missed invalidation would be a stale
     * mapping.
     *
     * @throws RuntimeException what the first of them threw: one may refuse the change
     */
    private void tell(List<Consumer<MemoryListener>> events) {
        RuntimeException failed = null;
        for (Consumer<MemoryListener> event : events) {
            for (MemoryListener l : listeners) {
                try {
                    event.accept(l);
                } catch (Throwable e) { // others' code
                    if (failed == null) {
                        failed = Others.unchecked("memory listener " + Others.name(l), e);
                    } else {
                        failed.addSuppressed(e);
                    }
                }
            }
        }
        if (failed != null) {
            throw failed;
        }
    }

    private void checkRange(long gpa, long size) {
        long limit = 1L << physicalAddressBits;
        if (gpa % Page.SIZE != 0) {
            throw new IllegalArgumentException(
                    "gpa 0x%x: expected a multiple of 0x1000".formatted(gpa));
        }
        if (size <= 0 || size % Page.SIZE != 0) {
            throw new IllegalArgumentException(
                    "size 0x%x: expected a positive multiple of 0x1000".formatted(size));
        }
        if (gpa < 0 || gpa > limit - Page.SIZE || size > limit - gpa) {
            throw new IllegalArgumentException(
                    "gpa 0x%x, size 0x%x: past the end of %d-bit guest-physical space (0x%x)"
                            .formatted(gpa, size, physicalAddressBits, limit));
        }
    }

    private void lockForChange() {
        if (changing.isHeldByCurrentThread()) {
            throw new IllegalStateException(
                    "a memory listener may not change the map that it is being told about");
        }
        changing.lock();
        if (closed) {
            changing.unlock();
            throw new IllegalStateException("guest memory is closed");
        }
    }

    // ---- reading

    @Override
    public List<MemorySlot> slots() {
        return map.slots();
    }

    @Override
    public @Nullable MemorySlot slotAt(long gpa) {
        return map.at(gpa);
    }

    @Override
    public long hvaOf(long gpa) {
        return map.hvaOf(gpa);
    }

    @Override
    public long highestMapped() {
        return highestMapped;
    }

    @Override
    public void addListener(MemoryListener listener) {
        listeners.addIfAbsent(listener);
    }

    @Override
    public void removeListener(MemoryListener listener) {
        listeners.remove(listener);
    }

    @Override
    public void close() {
        changing.lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            try {
                remove(0, 1L << physicalAddressBits);
            } finally {
                releaseAll();
                listeners.clear();
            }
        } finally {
            changing.unlock();
        }
    }
}
