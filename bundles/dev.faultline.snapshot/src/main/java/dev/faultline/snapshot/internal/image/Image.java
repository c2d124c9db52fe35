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
import java.util.BitSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;

/**
 * The pages of an open snapshot. Opening reads the manifest and the files' heads only; tables,
 * blocks and chunks are read when first wanted and verified from the manifest down, so no byte
 * leaves here unverified, unless a benchmark wants to know what that costs ({@link Baseline}).
 * Thread-safe.
 */
public final class Image implements AutoCloseable {
    private static final int MOST_LOOKS = 10;

    private final Manifest manifest;
    private final int depth;
    private final int pages;
    private final Index index;
    private final ContentTree tree;

    /** Was opened by an id that it had before a compaction: every page is checked by its root. */
    private final boolean proved;

    private final Set<Baseline> without;
    private final Chunks chunks;
    private final Pool<Fetched> fetched = new Pool<>(Fetched::new);
    private volatile Origin origin;
    private Image parent; // guarded by this
    private boolean closed; // guarded by this

    private Image(Origin origin, Set<Baseline> without, byte[] wanted, int depth)
            throws SnapshotException {
        origin.hold();
        Manifest m = consistent(origin);
        this.proved = wanted != null && !m.is(wanted);
        if (proved && !m.wasOnce(wanted)) {
            throw another(origin, m, wanted);
        }
        this.without = without;
        this.chunks =
                new Chunks(new Packs(), !without.contains(Baseline.VERIFICATION), fillsRanges());
        this.origin = origin;
        this.manifest = m;
        this.depth = depth;
        this.pages = (int) m.pages();
        this.index = new Index(this, m);
        this.tree = m.hashes() == null ? null : new ContentTree(this, m);
        if (tree != null) {
            origin.keep(m.hashes().name());
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

    /**
     * The manifest, with files that are as it says. A compaction in another process may replace it
     * and delete the former files between two looks: then it is another manifest, and one looks
     * again.
     */
    private static Manifest consistent(Origin origin) throws SnapshotException {
        Manifest m = Manifest.read(origin);
        for (int again = 0; ; again++) {
            try {
                checkHeads(origin, m);
                return m;
            } catch (SnapshotException e) {
                boolean gone =
                        e.kind() == Kind.MISSING
                                || e.kind() == Kind.TRUNCATED
                                || e.kind() == Kind.CORRUPT;
                Manifest now = gone && again < MOST_LOOKS ? Manifest.read(origin) : m;
                if (Arrays.equals(now.id(), m.id())) {
                    throw e;
                }
                m = now;
            }
        }
    }

    private static void checkHeads(Origin origin, Manifest m) throws SnapshotException {
        checkHead(origin, m.index().name(), m.index().bytes(), Layout.INDEX_MAGIC);
        for (Manifest.Pack p : m.packs()) {
            checkHead(origin, p.name(), p.bytes(), Layout.PACK_MAGIC);
        }
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
    public static Image open(Origin origin, byte[] wanted) throws SnapshotException {
        return open(origin, Set.of(), wanted);
    }

    /**
     * @param without what a benchmark leaves out
     */
    public static Image open(Origin origin, Set<Baseline> without, byte[] wanted)
            throws SnapshotException {
        return open(origin, without, wanted, 0);
    }

    private static Image open(Origin origin, Set<Baseline> without, byte[] wanted, int depth)
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

    /** Whether a page that is wanted brings those that come with it for free. */
    public boolean fillsRanges() {
        return !without.contains(Baseline.RANGE_FILL);
    }

    /** That the file of hashes is one, and whole; nothing else needs that at once. */
    public void checkHashes() throws SnapshotException {
        Manifest.Hashes h = manifest.hashes();
        checkHead(origin, h.name(), h.bytes(), Layout.HASHES_MAGIC);
    }

    private static void checkHead(Origin origin, String name, long want, byte[] magic)
            throws SnapshotException {
        long is = origin.length(name);
        if (is != want) {
            throw new SnapshotException(
                    is < want ? Kind.TRUNCATED : Kind.CORRUPT,
                    "%s of snapshot %s has %d bytes, its manifest says %d"
                            .formatted(name, origin, is, want));
        }
        byte[] head = new byte[Layout.HEAD];
        origin.read(name, 0, head, 0, Layout.HEAD);
        byte[] good =
                ByteBuffer.allocate(Layout.HEAD)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .put(magic)
                        .putInt(Layout.VERSION)
                        .array();
        if (!Arrays.equals(head, good)) {
            throw Manifest.corrupt(
                    origin.toString(), name + " does not start as such a file does", null);
        }
    }

    public SnapshotException corrupt(String what) {
        return Manifest.corrupt(origin.toString(), what, null);
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
    public ContentTree tree() {
        return tree;
    }

    /** Whether what the index says of pages must be checked page by page. */
    public boolean isProved() {
        return proved;
    }

    // ---- index

    /** ZERO, PARENT or BLOCK. */
    public int sectionKind(int section) throws SnapshotException {
        return index.sectionKind(section);
    }

    /** Whether a section is all zero without a look at its pages. */
    public boolean isZero(int section) throws SnapshotException {
        return !proved && sectionKind(section) == Layout.ZERO;
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
        if (proved) {
            tree.check(to);
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
        Section x = sectionKind(s) == Layout.BLOCK ? section(s) : null;
        ByteBuffer b =
                kind == Layout.ZERO
                        ? null
                        : ByteBuffer.wrap(to.own()).order(ByteOrder.LITTLE_ENDIAN);
        for (int p = first; p < end; p++) {
            if (x != null && x.kind(p % Layout.SECTION) != kind) {
                continue;
            }
            if (kind == Layout.ZERO) {
                to.addZero(p);
                continue;
            }
            long pattern = x.pattern(p % Layout.SECTION);
            int from = (p - first) * Layout.PAGE;
            for (int at = from; at < from + Layout.PAGE; at += 8) {
                b.putLong(at, pattern);
            }
            to.add(p, from);
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

    /** Reads all pages of a group, those that are all zero included. Returns their number. */
    public int readGroup(int group, byte[] to) throws SnapshotException {
        int first = group * Layout.GROUP;
        int n = Math.min(Layout.GROUP, pages - first);
        int done = 0;
        Fetched f = fetched.take();
        try {
            for (int i = 0; i < n; i++) {
                if ((done >> i & 1) == 0) {
                    fetch(first + i, f);
                    done |= copyGroup(f, first, to);
                    f.release();
                }
            }
        } finally {
            f.release();
            fetched.give(f);
        }
        return n;
    }

    /**
     * Copies those of a group.
     *
     * @return bit i: page i of the group was among them
     */
    private static int copyGroup(Fetched f, int first, byte[] to) {
        int done = 0;
        for (int j = 0; j < f.count(); j++) {
            int i = f.page(j) - first;
            if (i < 0 || i >= Layout.GROUP) {
                continue;
            }
            f.copyOut(j, to, i * Layout.PAGE);
            done |= 1 << i;
        }
        return done;
    }

    /**
     * Reads pages of a section, each chunk once.
     *
     * @param to a section's bytes
     * @param done index is the page of the section: those that are set are left out; set are all of
     *     them afterwards
     */
    public void readSection(int s, byte[] to, BitSet done) throws SnapshotException {
        int first = s * Layout.SECTION;
        int n = Math.min(Layout.SECTION, pages - first);
        Fetched f = fetched.take();
        Batch batch = new Batch();
        try {
            int p = done.nextClearBit(0);
            while (p < n) {
                int end = p;
                while (end < n && (done.get(end) || batch.add(this, first + end))) {
                    end++;
                }
                batch.read();
                for (; p < end; p = done.nextClearBit(p)) {
                    fetch(first + p, f);
                    copy(f, first, to, done);
                    f.release();
                }
                batch.release();
            }
        } finally {
            f.release();
            fetched.give(f);
            batch.release();
        }
    }

    /**
     * Reads pages in any order.
     *
     * @param to gets page {@code wanted[from + i]} at i * 4096
     */
    public void readPages(int[] wanted, int from, int end, byte[] to) throws SnapshotException {
        Fetched f = fetched.take();
        Batch batch = new Batch();
        try {
            for (int i = from; i < end; ) {
                int next = i;
                while (next < end && batch.add(this, wanted[next])) {
                    next++;
                }
                batch.read();
                for (; i < next; i++) {
                    fetch(wanted[i], f);
                    f.copy(wanted[i], to, (i - from) * Layout.PAGE);
                    f.release();
                }
                batch.release();
            }
        } finally {
            f.release();
            fetched.give(f);
            batch.release();
        }
    }

    private static void copy(Fetched f, int first, byte[] to, BitSet done) {
        for (int j = 0; j < f.count(); j++) {
            int i = f.page(j) - first;
            if (i < 0 || i >= Layout.SECTION || done.get(i)) {
                continue;
            }
            f.copyOut(j, to, i * Layout.PAGE);
            done.set(i);
        }
    }

    /** The packs as {@link Chunks} reads them. */
    private final class Packs implements Chunks.Records {
        private String name(int pack) {
            return manifest.packs().get(pack).name();
        }

        @Override
        public void read(int pack, long at, byte[] to, int n) throws SnapshotException {
            Image.this.read(name(pack), at, to, n);
        }

        @Override
        public int worthwhileGap() {
            return origin.worthwhileGap();
        }

        @Override
        public boolean far() {
            return origin.dir() == null;
        }

        @Override
        public Future<byte[]> start(int pack, long at, int n) {
            FutureTask<byte[]> t =
                    new FutureTask<>(() -> {
                        byte[] b = new byte[n];
                        Image.this.read(name(pack), at, b, n);
                        return b;
                    });
            Thread.ofVirtual().name("snapshot-read").start(t);
            return t;
        }

        @Override
        public long leftMillis() {
            return origin.leftMillis();
        }

        @Override
        public SnapshotException late() {
            return origin.late();
        }

        @Override
        public SnapshotException corrupt(int pack, long offset) {
            return Image.this.corrupt(
                    "the chunk at 0x%x of %s does not match its checksum; the guest has not seen it"
                            .formatted(offset, name(pack)));
        }
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

    private synchronized Image openParent() {
        return parent;
    }

    /** Where {@code p} is as seen from {@code from}; null if that cannot say. */
    private Origin sameParent(Image p, Origin from) throws SnapshotException {
        SnapshotException refused = null;
        for (Origin o : from.parents(manifest.parent())) {
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
        checkHeads(next, manifest);
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
        if (chain.size() > 1) {
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

    /** CRC32C of a record: its head up to the checksum, and the payload. */
    static int recordCrc(byte[] record, int stored) {
        java.util.zip.CRC32C c = new java.util.zip.CRC32C();
        c.update(record, 0, 12);
        c.update(record, Layout.RECORD_HEAD, stored);
        return (int) c.getValue();
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
        if (depth >= Layout.MAX_CHAIN) {
            throw corrupt("more than " + Layout.MAX_CHAIN + " parents in a row");
        }
        Image p = findParent();
        Manifest.Hashes h = p.manifest.hashes();
        byte[] root = manifest.parent().root();
        if (root != null && (h == null || !Arrays.equals(h.root(), root))) {
            p.close();
            throw corrupt(
                    "its parent " + p.origin + " does not have the content root that it names");
        }
        if (!p.manifest.regions().equals(manifest.regions())) {
            p.close();
            throw new SnapshotException(
                    Kind.MISMATCH,
                    "snapshot %s has other RAM than its parent %s".formatted(origin, p.origin));
        }
        parent = p;
        return p;
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

    private Image findParent() throws SnapshotException {
        byte[] id = manifest.parent().id();
        Origin claims = null;
        for (Origin s : origin.parents(manifest.parent())) {
            boolean good = false;
            try {
                Manifest m = candidate(s);
                good = m != null && m.answersTo(id);
                claims = !good && m != null && m.claims(id) ? s : claims;
            } finally {
                if (!good) {
                    s.close();
                }
            }
            if (good) {
                return open(s, without, id, depth + 1);
            }
        }
        throw new SnapshotException(
                Kind.MISSING,
                "snapshot %s needs its parent %s (id %s), which is not there; put a copy beside it%s"
                        .formatted(
                                origin,
                                manifest.parent().path(),
                                Manifest.hex(id),
                                claims == null
                                        ? ""
                                        : " (%s says that it had this id, but cannot prove it)"
                                                .formatted(claims)));
    }

    private static Manifest candidate(Origin s) throws SnapshotException {
        try {
            return Manifest.read(s);
        } catch (SnapshotException e) {
            if (e.kind() == Kind.SOURCE) {
                throw e; // it may be, but does not answer now
            }
            return null; // an unreadable neighbour is not the parent
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
