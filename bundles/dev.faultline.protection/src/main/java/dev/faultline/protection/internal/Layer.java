// SPDX-License-Identifier: Apache-2.0
package dev.faultline.protection.internal;

import dev.faultline.api.address.Gfn;
import dev.faultline.api.address.Page;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One layer: argument checks, the store, and the announcement of what narrowed. */
final class Layer implements ProtectionLayer {

    private final PageProtection owner;
    private final String name;
    private final @Nullable FaultHandler handler;
    private final RightsStore store = new RightsStore();
    private volatile boolean withdrawn;

    Layer(PageProtection owner, String name, @Nullable FaultHandler handler) {
        this.owner = owner;
        this.name = name;
        this.handler = handler;
    }

    PageProtection owner() {
        return owner;
    }

    @Nullable FaultHandler handler() {
        return handler;
    }

    RightsStore store() {
        return store;
    }

    void withdraw() {
        withdrawn = true;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public void protect(long gpa, long size, int rights) {
        checkOpen();
        checkRights(rights);
        if (size == 0) {
            throw new IllegalArgumentException(
                    "protect gpa 0x%x: size 0, expected at least 1 byte".formatted(gpa));
        }
        long lastByte = gpa + size - 1;
        if (Long.compareUnsigned(lastByte, gpa) < 0) {
            throw new IllegalArgumentException(
                    "protect gpa 0x%x, size 0x%x: the range wraps past 2^64".formatted(gpa, size));
        }
        long first = Page.gfn(gpa);
        long last = lastByte >>> Page.SHIFT;
        checkMapped(last);
        List<long[]> one = List.of(new long[] {first, last});
        apply(one, rights);
    }

    @Override
    public void protectHost(long hva, long size, int rights) {
        checkOpen();
        checkRights(rights);
        if (size <= 0 || hva < 0 || hva > Long.MAX_VALUE - size) {
            throw new IllegalArgumentException(
                    "protect hva 0x%x, size 0x%x: expected a non-empty range below 2^63"
                            .formatted(hva, size));
        }
        long start = hva & -Page.SIZE;
        long end = hva + size - 1 | Page.SIZE - 1;
        List<long[]> ranges = new ArrayList<>();
        for (MemorySlot slot : owner.memory().slots()) {
            long from = Math.max(start, slot.hva());
            long to = Math.min(end, slot.hva() + slot.size() - 1);
            if (from <= to) {
                long toGpa = slot.gpa() - slot.hva();
                ranges.add(new long[] {from + toGpa >>> Page.SHIFT, to + toGpa >>> Page.SHIFT});
            }
        }
        if (ranges.isEmpty()) {
            throw new IllegalArgumentException(
                    "protect hva 0x%x, size 0x%x: backs no guest memory".formatted(hva, size));
        }
        apply(ranges, rights);
    }

    @Override
    public void protectSlot(MemorySlot slot, int rights) {
        checkOpen();
        checkRights(rights);
        MemorySlot now = owner.memory().slotAt(slot.gpa());
        if (now == null
                || now.block() != slot.block()
                || now.hva() - now.gpa() != slot.hva() - slot.gpa()
                || slot.end() > now.end()) {
            throw new IllegalArgumentException(
                    "protect slot %s: not part of the guest-physical map now".formatted(slot));
        }
        protect(slot.gpa(), slot.size(), rights);
    }

    /** Stores all ranges (first and last gfn), then announces each one's narrowed part. */
    private void apply(List<long[]> ranges, int rights) {
        long start = Recording.start();
        boolean mayNarrow = rights != Rights.RWX;
        if (mayNarrow) {
            owner.beginNarrowing();
        }
        try {
            Narrowed[] narrowed = new Narrowed[ranges.size()];
            for (int i = 0; i < narrowed.length; i++) {
                narrowed[i] = new Narrowed();
                store.set(ranges.get(i)[0], ranges.get(i)[1], rights, narrowed[i]);
            }
            for (int i = 0; mayNarrow && i < narrowed.length; i++) {
                if (owner.othersNarrow()) {
                    // What we found narrow already may not have been announced yet by the thread
                    // that narrowed it.
                    narrowed[i].add(ranges.get(i)[0], ranges.get(i)[1]);
                }
                if (!narrowed[i].isEmpty()) {
                    owner.announce(narrowed[i].first(), narrowed[i].last());
                }
            }
        } finally {
            if (mayNarrow) {
                owner.endNarrowing();
            }
        }
        if (start != 0) {
            for (long[] r : ranges) {
                Recording.protect(name, r[0], r[1], rights, start);
            }
        }
    }

    @Override
    public void protectPage(long gfn, int rights) {
        checkOpen();
        checkRights(rights);
        if (gfn < 0 || gfn > Long.MAX_VALUE >>> Page.SHIFT) {
            throw new IllegalArgumentException(
                    "protect gfn 0x%x: expected a guest frame number".formatted(gfn));
        }
        checkMapped(gfn);
        long start = Recording.start();
        if (rights == Rights.RWX) {
            store.set(gfn, rights);
        } else {
            narrowPage(gfn, rights);
        }
        if (start != 0) {
            Recording.protect(name, gfn, gfn, rights, start);
        }
    }

    private void narrowPage(long gfn, int rights) {
        owner.beginNarrowing();
        try {
            int old = store.set(gfn, rights);
            if ((old & ~rights) != 0 || owner.othersNarrow()) {
                owner.announce(gfn, gfn);
            }
        } finally {
            owner.endNarrowing();
        }
    }

    private void checkOpen() {
        if (withdrawn) {
            throw new IllegalStateException("protection layer \"%s\" is withdrawn".formatted(name));
        }
    }

    private static void checkRights(int rights) {
        if ((rights & ~Rights.MASK) != 0) {
            throw new IllegalArgumentException(
                    "rights 0x%x: expected a subset of RWX (0 .. 7)".formatted(rights));
        }
    }

    private void checkMapped(long lastGfn) {
        long highest = owner.memory().highestMapped();
        if (lastGfn >= highest >>> Page.SHIFT) {
            throw new IllegalArgumentException(
                    "protect up to gpa 0x%x: past the highest page ever mapped (guest memory ends at 0x%x)"
                            .formatted(lastGfn << Page.SHIFT | Page.SIZE - 1, highest));
        }
    }

    @Override
    public int rightsOf(@Gfn long gfn) {
        return withdrawn ? Rights.RWX : store.get(gfn);
    }

    @Override
    public long restrictedPages() {
        return withdrawn ? 0 : store.restrictedPages();
    }

    @Override
    public long nextRestricted(long gfn) {
        if (gfn < 0) {
            throw new IllegalArgumentException(
                    "gfn 0x%x: expected a guest frame number".formatted(gfn));
        }
        return withdrawn ? -1 : store.nextRestricted(gfn);
    }

    @Override
    public void close() {
        owner.remove(this);
    }

    @Override
    public String toString() {
        return "protection layer " + name;
    }
}
