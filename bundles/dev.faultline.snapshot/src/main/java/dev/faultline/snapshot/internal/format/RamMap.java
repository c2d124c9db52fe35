// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import java.util.List;

/**
 * Where in host memory a snapshot's pages are: its RAM regions in their order, each at an address.
 * Immutable.
 */
public final class RamMap {
    private final long[] hva;
    private final int[] first;
    private final int[] end;

    /**
     * @param hva of the first byte of each region
     */
    public RamMap(List<Manifest.Region> regions, long[] hva) {
        this.hva = hva.clone();
        first = new int[hva.length];
        end = new int[hva.length];
        int page = 0;
        for (int i = 0; i < hva.length; i++) {
            first[i] = page;
            page += (int) (regions.get(i).bytes() / Layout.PAGE);
            end[i] = page;
        }
    }

    /** The page at {@code at}, or -1. */
    public int pageOf(long at) {
        for (int i = 0; i < hva.length; i++) {
            long off = at - hva[i];
            if (off >= 0 && off < (long) (end[i] - first[i]) * Layout.PAGE) {
                return first[i] + (int) (off / Layout.PAGE);
            }
        }
        return -1;
    }

    public long hvaOf(int page) {
        int i = hva.length - 1;
        while (first[i] > page) {
            i--;
        }
        return hva[i] + (long) (page - first[i]) * Layout.PAGE;
    }
}
