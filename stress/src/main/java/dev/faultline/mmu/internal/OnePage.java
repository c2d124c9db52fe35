// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import dev.faultline.api.protection.Rights;
import dev.faultline.testkit.memory.FakeMemory;
import dev.faultline.testkit.memory.FakeProtection;

/** A second stage over a few pages of RAM, and one page of it that all look at. */
final class OnePage {
    private static final int GFN = 1;
    private static final long BYTES = 0x4000;

    /** Shared: nothing of it changes. */
    private static final FakeMemory MEMORY = FakeMemory.hollow(BYTES);

    private final FakeProtection protection = new FakeProtection(BYTES);
    final Ept ept = new Ept(MEMORY, protection);

    /** The page's neighbour is filled, so that what they share exists. */
    OnePage() {
        ept.resolve(GFN + 1, -1);
    }

    /**
     * @param claim negative, the filler's own
     * @return the rights that the filler may use
     */
    long fill(long claim) {
        return ept.resolve(GFN, claim) & Rights.MASK;
    }

    /** Takes all rights, then what was filled with them. */
    void close() {
        protection.userLayer().protectPage(GFN, Rights.NONE);
        ept.clear(GFN, 1);
    }

    /** Rights of the leaf; of none and of a claim, none. */
    long rightsOfLeaf() {
        long leaf = ept.leaf(GFN);
        return leaf <= 0 ? 0 : leaf & Rights.MASK;
    }

    /** Leaves of this page, 0 or 1, as the count of all says. */
    long counted() {
        return ept.presentPages() - 1;
    }

    long leaves() {
        return ept.leaf(GFN) > 0 ? 1 : 0;
    }

    boolean admitWriter() {
        return ept.admitWriter(GFN);
    }

    void decode() {
        ept.setCode(GFN, 0);
    }

    boolean mayBeWritten() {
        return ept.mayBeWritten(GFN);
    }
}
