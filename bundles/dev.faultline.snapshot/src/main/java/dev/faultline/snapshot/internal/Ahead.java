// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.snapshot.SnapshotException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Records of chunks that will be wanted soon, read in as few ranges as their places allow. Made by
 * {@link Image#ahead}; verified only when {@link Image#fetch} takes a chunk out of one. One thread
 * at a time.
 */
final class Ahead {
    /** Bytes of records that one holds at most, about. */
    static final int MOST = 4 << 20;

    /** Bytes asked for at once. */
    private static final int LONGEST = 1 << 20;

    /** Where a record is: the number of its pack, and its offset there. */
    record Place(int pack, long at) {}

    private record Wanted(Place place, int bytes) {
        long end() {
            return place.at + bytes;
        }
    }

    private record Held(byte[] range, int from) {}

    private final Origin origin;
    private final List<Manifest.Pack> packs;
    private final Map<Place, Integer> wanted = new HashMap<>();
    private final Map<Place, Held> held = new HashMap<>();
    private int end;
    private long bytes;
    private Ahead parent;

    Ahead(Origin origin, List<Manifest.Pack> packs) {
        this.origin = origin;
        this.packs = packs;
    }

    /** Index behind the last page that was looked at; what comes after it is for the next one. */
    int end() {
        return end;
    }

    /** For pages that the parent has; null if none is among them. */
    Ahead parent() {
        return parent;
    }

    /** For pages that the parent has; made when first asked for. */
    Ahead parent(Origin of, List<Manifest.Pack> its) {
        if (parent == null) {
            parent = new Ahead(of, its);
        }
        return parent;
    }

    void want(int pack, long at, int n) {
        if (wanted.put(new Place(pack, at), n) == null) {
            bytes += n;
        }
    }

    /** Bytes of what is wanted, those of the parents included. */
    long bytes() {
        return parent == null ? bytes : bytes + parent.bytes();
    }

    /** Copies a record out; false if it is not here. */
    boolean take(int pack, long at, byte[] to, int n) {
        Held h = held.get(new Place(pack, at));
        if (h == null) {
            return false;
        }
        System.arraycopy(h.range, h.from, to, 0, n);
        return true;
    }

    /** Reads what is wanted, which was that of the pages up to index {@code to}. */
    void read(int to) throws SnapshotException {
        end = to;
        if (parent != null) {
            parent.read(to);
        }
        List<Wanted> all = new ArrayList<>();
        wanted.forEach((place, n) -> all.add(new Wanted(place, n)));
        all.sort(
                Comparator.comparingInt((Wanted w) -> w.place.pack)
                        .thenComparingLong(w -> w.place.at));
        int from = 0;
        while (from < all.size()) {
            int next = from + 1;
            long until = all.get(from).end();
            while (next < all.size() && joins(all.get(from), until, all.get(next))) {
                until = Math.max(until, all.get(next++).end());
            }
            Wanted first = all.get(from);
            byte[] range = new byte[(int) (until - first.place.at)];
            origin.read(
                    packs.get(first.place.pack).name(), first.place.at, range, 0, range.length);
            for (Wanted w : all.subList(from, next)) {
                held.put(w.place, new Held(range, (int) (w.place.at - first.place.at)));
            }
            from = next;
        }
        wanted.clear();
    }

    private boolean joins(Wanted first, long until, Wanted next) {
        return next.place.pack == first.place.pack
                && next.place.at - until <= origin.worthwhileGap()
                && next.end() - first.place.at <= LONGEST;
    }
}
