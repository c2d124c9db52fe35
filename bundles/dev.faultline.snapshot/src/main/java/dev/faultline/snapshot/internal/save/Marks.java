// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import dev.faultline.api.memory.MemorySlot;
import dev.faultline.snapshot.internal.format.PageSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The pages that were written since one arming, and the proof that none is missing: others use the
 * machine's protection too, and may have opened a page, or withdrawn the layer, without a mark.
 *
 * <p>An arming closes every page, and each fault opens one guest-physical page and marks one page
 * of RAM. So as many are open as are marked, unless somebody else opened some: to compare the two
 * numbers is proof, and cheap. The numbers may differ without that ({@link #setUneven}) where a
 * page was marked but not opened, or is shown at several guest-physical places, of which each is
 * opened by a fault of its own. Then every open page is looked at: it must have a mark.
 *
 * <p>Marks are set by any thread without a lock. What is not said to be for any thread is for the
 * save that holds {@link WriteWatch#saving}.
 */
final class Marks {
    private final PageSet pages;

    /** Set by any thread, and never cleared: the next arming has marks of its own. */
    private volatile boolean uneven;

    Marks(int pages) {
        this.pages = new PageSet(pages);
    }

    /** Any thread; allocates nothing. */
    void add(int page) {
        pages.add(page);
    }

    boolean has(int page) {
        return pages.has(page);
    }

    /**
     * The numbers of marks and of open pages need not be the same any more. Any thread, before it
     * sets marks of pages that no fault opened.
     */
    void setUneven() {
        uneven = true;
    }

    /** As {@link #setUneven} if two slots show the same bytes. */
    void expectAliases(List<MemorySlot> slots) {
        if (overlap(slots)) {
            setUneven();
        }
    }

    /** Whether every page that can be written is marked. While the machine stands. */
    boolean areComplete(WriteProtection protection, AnnouncedMapping announced) {
        if (!protection.isLive()) {
            return false;
        }
        // Before the slots are read: what is mapped in between is open, and must be counted so.
        boolean countable = !uneven && !announced.isAny();
        List<MemorySlot> slots = protection.slots();
        if (countable) {
            return protection.openPages(slots) == pages.size();
        }
        for (MemorySlot s : slots) {
            if (protection.covers(s) && !protection.isMarkedWhereOpen(s, this)) {
                return false;
            }
        }
        return true;
    }

    /**
     * All marks as they are now, together with those of the time before the arming. The caller's:
     * marks that come later are not in it.
     *
     * @param earlier null if there are none
     */
    PageSet with(@Nullable PageSet earlier) {
        PageSet all = pages.copy();
        if (earlier != null) {
            all.addAll(earlier);
        }
        return all;
    }

    private static boolean overlap(List<MemorySlot> slots) {
        for (int i = 1; i < slots.size(); i++) {
            MemorySlot a = slots.get(i);
            for (int k = 0; k < i; k++) {
                MemorySlot b = slots.get(k);
                if (a.hva() < b.hva() + b.size() && b.hva() < a.hva() + a.size()) {
                    return true;
                }
            }
        }
        return false;
    }
}
