// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.protection;

import dev.faultline.api.address.Gfn;
import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Hva;
import dev.faultline.api.address.Page;
import dev.faultline.api.memory.MemorySlot;
import org.jspecify.annotations.Nullable;
import org.osgi.annotation.versioning.ProviderType;

/**
 * One purpose's rights over the pages of a machine (lazy loading, dirty tracking, a watchpoint, the
 * user's own). A page's effective right is the intersection over all layers, and a fault belongs to
 * the layers that forbade it.
 *
 * <p>Any thread. {@link #protect} is all-or-nothing; when it returns, no vCPU can perform an access
 * that the new rights forbid.
 */
@ProviderType
public interface ProtectionLayer extends AutoCloseable {
    String name();

    /**
     * Sets this layer's rights for all pages that the range touches (rounded outward).
     *
     * @param gpa first byte
     * @param size bytes, at least 1
     * @param rights a subset of {@link Rights#RWX}
     * @throws IllegalArgumentException size 0, a range that wraps past 2^64 or reaches {@link
     *     dev.faultline.api.memory.GuestMemory#highestMapped()}, or unknown rights bits; nothing
     *     was changed
     */
    void protect(@Gpa long gpa, long size, int rights);

    /**
     * The same over host-virtual bytes: every gpa range that maps to them is protected.
     *
     * @throws IllegalArgumentException also if no part of the range backs guest memory
     */
    void protectHost(@Hva long hva, long size, int rights);

    /**
     * The same for all pages of a slot.
     *
     * @throws IllegalArgumentException also if the slot is not, or not any more, part of the
     *     guest-physical map
     */
    default void protectSlot(MemorySlot slot, int rights) {
        protect(slot.gpa(), slot.size(), rights);
    }

    /**
     * Opens or restricts exactly one page; the cheap form for fault handlers. Same errors as {@link
     * #protect}.
     */
    void protectPage(@Gfn long gfn, int rights);

    /** This layer's rights of a page; RWX where it never restricted anything. */
    int rightsOf(@Gfn long gfn);

    /** Number of pages that this layer restricts (rights other than RWX). */
    long restrictedPages();

    /**
     * First gfn at or after {@code gfn} whose rights in this layer are not RWX, or -1. Cheap on
     * sparse maps.
     */
    @Gfn
    long nextRestricted(@Gfn long gfn);

    /**
     * The first run of equally restricted pages that ends after {@code gpa}; it starts at {@code
     * gpa}'s page at the earliest. Iterate with {@link RestrictedRange#end()}. A snapshot only if
     * nobody protects meanwhile.
     *
     * @return null if there is none
     */
    default @Nullable RestrictedRange nextRange(@Gpa long gpa) {
        @Gfn long first = nextRestricted(Page.gfn(gpa));
        if (first < 0) {
            return null;
        }
        int rights = rightsOf(first);
        @Gfn long end = first + 1;
        while (rights != Rights.RWX && nextRestricted(end) == end && rightsOf(end) == rights) {
            end++;
        }
        return new RestrictedRange(Page.gpa(first), (end - first) * Page.SIZE, rights);
    }

    /** Number of runs of equally restricted pages. */
    default long restrictedRanges() {
        long n = 0;
        for (RestrictedRange r = nextRange(0); r != null; r = nextRange(r.end())) {
            n++;
        }
        return n;
    }

    /** Withdraws the layer: all its restrictions end. Idempotent. */
    @Override
    void close();
}
