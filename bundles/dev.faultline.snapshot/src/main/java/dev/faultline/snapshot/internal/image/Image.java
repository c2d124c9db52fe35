// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.Origin;
import dev.faultline.snapshot.internal.format.Section;
import dev.faultline.snapshot.internal.source.LocalOrigin;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The pages of an open snapshot. Opening reads the manifest and the files' heads only; tables,
 * blocks and chunks are read when first wanted and verified from the manifest down, so no byte
 * leaves here unverified, unless a benchmark wants to know what that costs ({@link Baseline}).
 * Thread-safe.
 */
public final class Image implements AutoCloseable {
    private final Manifest manifest;
    private final int depth;
    private final int pages;
    private final Index index;
    private final @Nullable ContentTree tree;

    /** If it was opened by an id that it had before a compaction: every page is checked by it. */
    private final @Nullable ContentTree proof;

    private final Set<Baseline> without;
    private final Chunks chunks;
    private final BulkReader bulk = new BulkReader(this);
    private volatile Origin origin;
    private @Nullable Image parent; // guarded by this
    private boolean closed; // guarded by this

    private Image(Origin origin, Set<Baseline> without, byte @Nullable [] wanted, int depth)
            throws SnapshotException {
        origin.hold();
        Manifest m = Heads.consistent(origin);
        this.without = without;
        this.chunks =
                new Chunks(
                        new Packs(this), !without.contains(Baseline.VERIFICATION), fillsRanges());
        this.origin = origin;
        this.manifest = m;
        this.depth = depth;
        this.pages = (int) m.pages();
        this.index = new Index(this, m);
        Manifest.Hashes hashes = m.hashes();
        this.tree = hashes == null ? null : new ContentTree(this, hashes, m.pages());
        if (wanted == null || m.is(wanted)) {
            this.proof = null;
        } else if (tree != null && m.wasOnce(wanted)) {
            this.proof = tree;
        } else {
            throw another(origin, m, wanted);
        }
        if (hashes != null) {
            origin.keep(hashes.name());
        }
    }

    private static SnapshotException another(Origin origin, Manifest m, byte[] wanted) {
        return new SnapshotException(
                Kind.MISMATCH,
                "%s is another snapshot: its id is %s, wanted is %s%s"
                        .formatted(
                                origin,
                                Manifest.hex(m.id()),
                                Manifest.hex(wanted),
                                m.claims(wanted)
                                        ? ", which it says was its own, but cannot prove"
                                        : ""));
    }

    public static Image open(Path dir) throws SnapshotException {
        return open(new LocalOrigin(dir));
    }

    /**
     * @param origin closed with the image, or if it cannot be opened
     */
    public static Image open(Origin origin) throws SnapshotException {
        return open(origin, null);
    }

    /**
     * @param wanted the id that it must have, or have had; null: any
     */
    public static Image open(Origin origin, byte @Nullable [] wanted) throws SnapshotException {
        return open(origin, Set.of(), wanted);
    }

    /**
     * @param without what a benchmark leaves out
     */
    public static Image open(Origin origin, Set<Baseline> without, byte @Nullable [] wanted)
            throws SnapshotException {
        return open(origin, without, wanted, 0);
    }

    private static Image open(
            Origin origin, Set<Baseline> without, byte @Nullable [] wanted, int depth)
            throws SnapshotException {
        try {
            return new Image(origin, without, wanted, depth);
        } catch (SnapshotException e) {
            try {
                origin.close();
            } catch (SnapshotException closing) {
                e.addSuppressed(closing);
            }
            throw e;
        }
    }

    /**
     * Opens what is at a place as this image's parent.
     *
     * @param id that it must answer to
     */
    Image openAsParent(Origin at, byte[] id) throws SnapshotException {
        return open(at, without, id, depth + 1);
    }

    /** Whether a page that is wanted brings those that come with it for free. */
    public boolean fillsRanges() {
        return !without.contains(Baseline.RANGE_FILL);
    }

    /** That the file of hashes, if there is one, is whole; nothing else needs that. */
    public void checkHashes() throws SnapshotException {
        Manifest.Hashes hashes = manifest.hashes();
        if (hashes != null) {
            Heads.checkHashes(origin, hashes);
        }
    }

    public SnapshotException corrupt(String what) {
        return Manifest.corrupt(origin.toString(), what);
    }

    public Origin origin() {
        return origin;
    }

    public Manifest manifest() {
        return manifest;
    }

    public int pages() {
        return pages;
    }

    public int sections() {
        return index.size();
    }

    /** For tests. */
    public int groups() {
        return (pages + Layout.GROUP - 1) / Layout.GROUP;
    }

    /** The content's hashes; null if it has none. */
    public @Nullable ContentTree tree() {
        return tree;
    }

    /** Reads many pages at a time. */
    public BulkReader bulk() {
        return bulk;
    }

    /** Whether what the index says of pages must be checked page by page. */
    public boolean isProved() {
        return proof != null;
    }

    // ---- index

    /** ZERO, PARENT or BLOCK. */
    public int sectionKind(int section) throws SnapshotException {
        return index.sectionKind(section);
    }

    /** Whether a section is all zero without a look at its pages. */
    public boolean isZero(int section) throws SnapshotException {
        return proof == null && sectionKind(section) == Layout.ZERO;
    }

    /** The block of a section of kind BLOCK. */
    public Section section(int s) throws SnapshotException {
        return index.section(s);
    }

    /** ZERO, PARENT, FILL or CHUNK. */
    public int kind(int page) throws SnapshotException {
        return index.kind(page);
    }

    // ---- pages

    /**
     * Finds a page and what comes with it for free: the pages of its section in the same chunk, or
     * those of its group that are of the same kind.
     *
     * @param to released; gets {@code page} and the others. Release it
     */
    public void fetch(int page, Fetched to) throws SnapshotException {
        find(page, to);
        if (proof != null) {
            proof.check(to);
        }
    }

    private void find(int page, Fetched to) throws SnapshotException {
        int kind = kind(page);
        if (kind == Layout.PARENT) {
            parent().fetch(page, to);
            to.retainShared(this);
        } else if (kind == Layout.CHUNK) {
            Section x = section(page / Layout.SECTION);
            int c = x.chunk(page % Layout.SECTION);
            to.chunk(chunks, chunks.get(x, c));
            for (int p = x.firstIn(c); p >= 0; p = x.nextIn(p)) {
                to.add(page - page % Layout.SECTION + p, x.slot(p) * Layout.PAGE);
            }
        } else {
            fetchUnstored(page, kind, to);
        }
    }

    /** Pages of one kind, ZERO or FILL, of a group. */
    private void fetchUnstored(int page, int kind, Fetched to) throws SnapshotException {
        int first = page & -Layout.GROUP;
        int end = Math.min(pages, first + Layout.GROUP);
        int s = page / Layout.SECTION;
        if (sectionKind(s) != Layout.BLOCK) {
            for (int p = first; p < end; p++) {
                to.addZero(p);
            }
            return;
        }
        Section x = section(s);
        for (int p = first; p < end; p++) {
            int i = p % Layout.SECTION;
            if (x.kind(i) != kind) {
                continue;
            }
            if (kind == Layout.ZERO) {
                to.addZero(p);
                continue;
            }
            int from = (p - first) * Layout.PAGE;
            fill(to.own(), from, x.pattern(i));
            to.add(p, from);
        }
    }

    private static void fill(byte[] own, int from, long pattern) {
        ByteBuffer b = ByteBuffer.wrap(own).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = from; at < from + Layout.PAGE; at += 8) {
            b.putLong(at, pattern);
        }
    }

    /** The image in which a page is of another kind than PARENT. */
    public Image holder(int page) throws SnapshotException {
        Image x = this;
        while (x.kind(page) == Layout.PARENT) {
            x = x.parent();
        }
        return x;
    }

    /** How many children lie between this image and the one that was opened. */
    public int depth() {
        return depth;
    }

    Chunks chunks() {
        return chunks;
    }

    // ---- origin

    /** Reads from the origin that there is, even if it is exchanged meanwhile. */
    void read(String name, long at, byte[] to, int n) throws SnapshotException {
        for (; ; ) {
            Origin o = origin;
            try {
                o.read(name, at, to, 0, n);
                return;
            } catch (SnapshotException e) {
                if (o == origin) {
                    throw e;
                }
            }
        }
    }

    /**
     * Reads from another origin from now on, which has the same snapshot; what was read and
     * verified stays. Reads in progress begin anew there. Parents that are open go with it, if it
     * can say where they are.
     *
     * @param next closed with the image, or if it is refused; nothing has changed then
     */
    public void reattach(Origin next) throws SnapshotException {
        List<Origin> chain = new ArrayList<>(List.of(next));
        List<Origin> useless = chain;
        try {
            checkSame(next);
            Image i = this;
            for (Image p = openParent(); p != null; p = p.openParent()) {
                Origin o = i.sameParent(p, chain.getLast());
                if (o == null) {
                    break;
                }
                chain.add(o);
                i = p;
            }
            useless = exchange(chain);
        } finally {
            for (Origin o : useless) {
                o.close();
            }
        }
    }

    private synchronized @Nullable Image openParent() {
        return parent;
    }

    /** Where {@code p} is as seen from {@code from}; null if that cannot say. */
    private @Nullable Origin sameParent(Image p, Origin from) throws SnapshotException {
        Manifest.Parent wanted = manifest.parent();
        if (wanted == null) {
            return null;
        }
        SnapshotException refused = null;
        for (Origin o : from.parents(wanted)) {
            try {
                p.checkSame(o);
                return o;
            } catch (SnapshotException e) {
                o.close();
                refused = refused == null ? e : refused;
            }
        }
        if (refused != null) {
            throw refused;
        }
        return null;
    }

    private void checkSame(Origin next) throws SnapshotException {
        if (next.dir() == null && without.contains(Baseline.VERIFICATION)) {
            throw new SnapshotException(
                    Kind.MISMATCH,
                    "%s is not read unverified: only a local directory can be".formatted(next));
        }
        Manifest m = Manifest.read(next);
        if (!Arrays.equals(m.id(), manifest.id())) {
            throw new SnapshotException(
                    Kind.MISMATCH,
                    "%s is another snapshot (id %s, expected %s)"
                            .formatted(next, Manifest.hex(m.id()), Manifest.hex(manifest.id())));
        }
        Heads.check(next, manifest);
    }

    /**
     * @return what is not used any more
     */
    private synchronized List<Origin> exchange(List<Origin> chain) throws SnapshotException {
        if (closed) {
            throw new SnapshotException(Kind.IO, "snapshot " + origin + " is closed");
        }
        List<Origin> before = new ArrayList<>();
        before.add(origin);
        origin = chain.getFirst();
        if (parent != null && chain.size() > 1) {
            before.addAll(parent.exchange(chain.subList(1, chain.size())));
        }
        return before;
    }

    // ---- figures

    /** Of this image and its parents. */
    public synchronized long chunksRead() {
        return chunks.chunksRead() + (parent == null ? 0 : parent.chunksRead());
    }

    /** Requests to the origins of this image and its parents. */
    public synchronized long requests() {
        return origin.statistics().requests() + (parent == null ? 0 : parent.requests());
    }

    /** Bytes that these requests brought. */
    public synchronized long bytesReceived() {
        return origin.statistics().bytes() + (parent == null ? 0 : parent.bytesReceived());
    }

    // ---- parent

    /** Opened when first wanted. */
    public synchronized Image parent() throws SnapshotException {
        if (parent != null) {
            return parent;
        }
        if (closed) {
            throw new SnapshotException(Kind.IO, "snapshot " + origin + " is closed");
        }
        Manifest.Parent wanted = manifest.parent();
        if (wanted == null) {
            throw corrupt("it refers to a parent, but names none");
        }
        parent = Parents.open(this, wanted);
        return parent;
    }

    /** Opens the whole chain. */
    public void openParents() throws SnapshotException {
        for (Image i = this; i.manifest.parent() != null; ) {
            i = i.parent();
        }
    }

    /** Nobody may delete it or its parents. */
    public void hold() throws SnapshotException {
        for (Image i = this; ; i = i.parent()) {
            i.origin.hold();
            if (i.manifest.parent() == null) {
                return;
            }
        }
    }

    /** No page is wanted any more, for now; the files stay open. */
    public void letGo() {
        for (Image i = this; i != null; i = i.openParent()) {
            i.origin.letGo();
        }
    }

    @Override
    public synchronized void close() throws SnapshotException {
        closed = true;
        try {
            origin.close();
        } finally {
            chunks.close();
            if (parent != null) {
                parent.close();
            }
        }
    }
}
