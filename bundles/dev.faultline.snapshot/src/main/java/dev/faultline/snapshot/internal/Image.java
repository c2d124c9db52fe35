// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import java.lang.ref.SoftReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * The pages of an open snapshot. Opening reads the manifest and the files' heads only; tables,
 * blocks and chunks are read when first wanted and verified from the manifest down, so no byte
 * leaves here unverified. Thread-safe.
 */
final class Image implements AutoCloseable {
    private final Origin origin;
    private final Manifest manifest;
    private final int depth;
    private final int pages;
    private final AtomicReferenceArray<byte[]> tables;
    private final AtomicReferenceArray<SoftReference<Section>> sections;
    private final ThreadLocal<Buffers> buffers = ThreadLocal.withInitial(Buffers::new);
    private Image parent;
    private boolean closed;

    private static final class Buffers {
        final byte[] stored = new byte[Layout.RECORD_HEAD + Layout.GROUP * Layout.PAGE];
        final byte[] content = new byte[Layout.GROUP * Layout.PAGE];
        final Codec.Unpacker unpacker = new Codec.Unpacker();
    }

    private Image(Origin origin, int depth) throws SnapshotException {
        Manifest m = Manifest.read(origin);
        this.origin = origin;
        this.manifest = m;
        this.depth = depth;
        this.pages = (int) m.pages();
        int s = (pages + Layout.SECTION - 1) / Layout.SECTION;
        this.sections = new AtomicReferenceArray<>(s);
        this.tables = new AtomicReferenceArray<>((s + Layout.TABLE - 1) / Layout.TABLE);
        checkHead(m.index().name(), m.index().bytes(), Layout.INDEX_MAGIC);
        for (Manifest.Pack p : m.packs()) {
            checkHead(p.name(), p.bytes(), Layout.PACK_MAGIC);
        }
    }

    static Image open(Path dir) throws SnapshotException {
        return open(new LocalOrigin(dir));
    }

    /**
     * @param origin closed with the image, or if it cannot be opened
     */
    static Image open(Origin origin) throws SnapshotException {
        return open(origin, 0);
    }

    private static Image open(Origin origin, int depth) throws SnapshotException {
        try {
            return new Image(origin, depth);
        } catch (SnapshotException e) {
            try {
                origin.close();
            } catch (SnapshotException closing) {
                e.addSuppressed(closing);
            }
            throw e;
        }
    }

    private void checkHead(String name, long want, byte[] magic) throws SnapshotException {
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
            throw corrupt(name + " does not start as such a file does");
        }
    }

    private SnapshotException corrupt(String what) {
        return Manifest.corrupt(origin.toString(), what, null);
    }

    Origin origin() {
        return origin;
    }

    Manifest manifest() {
        return manifest;
    }

    int pages() {
        return pages;
    }

    int sections() {
        return sections.length();
    }

    int groups() {
        return (pages + Layout.GROUP - 1) / Layout.GROUP;
    }

    // ---- the path down
    // -----------------------------------------------------------------------------------------------

    /** ZERO, PARENT or BLOCK. */
    int sectionKind(int section) throws SnapshotException {
        return table(section / Layout.TABLE)[section % Layout.TABLE * Layout.TABLE_ENTRY];
    }

    private byte[] table(int t) throws SnapshotException {
        byte[] b = tables.get(t);
        if (b != null) {
            return b;
        }
        int entries = Math.min(Layout.TABLE, sections() - t * Layout.TABLE);
        b = new byte[entries * Layout.TABLE_ENTRY];
        long at = manifest.index().tables() + (long) t * Layout.TABLE * Layout.TABLE_ENTRY;
        origin.read(manifest.index().name(), at, b, 0, b.length);
        byte[] want =
                Arrays.copyOfRange(
                        manifest.index().digests(), t * Layout.DIGEST, (t + 1) * Layout.DIGEST);
        if (!Arrays.equals(Digests.sha256().digest(b), want)) {
            throw badIndex("table " + t + " does not match its SHA-256");
        }
        for (int i = 0; i < entries; i++) {
            int kind = b[i * Layout.TABLE_ENTRY];
            if (kind < 0
                    || kind > Layout.BLOCK
                    || kind == Layout.PARENT && manifest.parent() == null) {
                throw badIndex("section " + (t * Layout.TABLE + i) + " has kind " + kind);
            }
        }
        tables.set(t, b);
        return b;
    }

    private SnapshotException badIndex(String what) {
        return corrupt(manifest.index().name() + ": " + what);
    }

    /** The block of a section of kind BLOCK. */
    Section section(int s) throws SnapshotException {
        SoftReference<Section> r = sections.get(s);
        Section x = r == null ? null : r.get();
        if (x != null) {
            return x;
        }
        Entry e = entry(s);
        // The blocks that follow come with it where that costs little.
        int last = s;
        long end = e.at + e.length;
        while (last + 1 < Math.min(sections(), (s / Layout.TABLE + 1) * Layout.TABLE)
                && sectionKind(last + 1) == Layout.BLOCK
                && entry(last + 1).at == end
                && end + entry(last + 1).length - e.at <= origin.worthwhileGap()) {
            end += entry(++last).length;
        }
        byte[] b = new byte[(int) (end - e.at)];
        origin.read(manifest.index().name(), e.at, b, 0, b.length);
        x = keep(s, e, b, 0);
        for (int next = s + 1; next <= last; next++) {
            Entry n = entry(next);
            if (matches(n, b, (int) (n.at - e.at))) {
                keep(next, n, b, (int) (n.at - e.at)); // else it is read again when wanted
            }
        }
        return x;
    }

    /** Where a section's block is, and its SHA-256. */
    private record Entry(long at, int length, byte[] digest) {}

    private Entry entry(int s) throws SnapshotException {
        ByteBuffer e =
                ByteBuffer.wrap(table(s / Layout.TABLE))
                        .slice(s % Layout.TABLE * Layout.TABLE_ENTRY, Layout.TABLE_ENTRY)
                        .order(ByteOrder.LITTLE_ENDIAN);
        long length = e.getInt(4) & 0xFFFF_FFFFL;
        long at = e.getLong(8);
        if (length > Section.MAX_SIZE
                || at < Layout.HEAD
                || at > manifest.index().tables() - length) {
            throw badIndex("section %d lies at 0x%x, %d bytes".formatted(s, at, length));
        }
        byte[] digest = new byte[Layout.DIGEST];
        e.get(16, digest);
        return new Entry(at, (int) length, digest);
    }

    private static boolean matches(Entry e, byte[] b, int from) {
        var d = Digests.sha256();
        d.update(b, from, e.length);
        return Arrays.equals(d.digest(), e.digest);
    }

    private Section keep(int s, Entry e, byte[] b, int from) throws SnapshotException {
        if (!matches(e, b, from)) {
            throw badIndex("section " + s + " does not match its SHA-256");
        }
        try {
            int n = Math.min(Layout.SECTION, pages - s * Layout.SECTION);
            Section x =
                    Section.of(
                            Arrays.copyOfRange(b, from, from + e.length),
                            n,
                            manifest.packs(),
                            manifest.parent() != null);
            sections.set(s, new SoftReference<>(x));
            return x;
        } catch (IllegalArgumentException bad) {
            throw badIndex("section " + s + ": " + bad.getMessage());
        }
    }

    /** ZERO, PARENT, FILL or CHUNK. */
    int kind(int page) throws SnapshotException {
        int s = page / Layout.SECTION;
        int k = sectionKind(s);
        return k == Layout.BLOCK ? section(s).kind(page % Layout.SECTION) : k;
    }

    // ---- pages
    // -------------------------------------------------------------------------------------------------------

    /**
     * Reads a page and what comes with it for free: the pages of its group in the same chunk, or of
     * the same kind.
     *
     * @param to a group's bytes; page i of the group at i * 4096
     * @param wanted bit i: page i of the group is wanted, else its part of {@code to} is left alone
     * @return bit i: page i of the group is in {@code to}; bit 16 + i: it is all zero, and {@code
     *     to} untouched
     */
    int fetch(int page, byte[] to, int wanted) throws SnapshotException {
        return fetch(page, to, wanted, null);
    }

    /**
     * As {@link #fetch(int, byte[], int)}.
     *
     * @param ahead of this image, or null: chunks that are in it are not read again
     */
    int fetch(int page, byte[] to, int wanted, Ahead ahead) throws SnapshotException {
        int first = page & -Layout.GROUP;
        int kind = kind(page);
        if (kind == Layout.PARENT) {
            return parent()
                    .fetch(
                            page,
                            to,
                            wanted & alike(first, page, kind),
                            ahead == null ? null : ahead.parent());
        }
        int mask = wanted & alike(first, page, kind);
        if (kind == Layout.ZERO) {
            return mask << 16;
        }
        Section x = section(page / Layout.SECTION);
        if (kind == Layout.CHUNK) {
            byte[] content = readChunk(x, x.chunk(page % Layout.SECTION), ahead);
            for (int i = 0; i < Layout.GROUP; i++) {
                if ((mask >> i & 1) != 0) {
                    int slot = x.slot((first + i) % Layout.SECTION);
                    System.arraycopy(content, slot * Layout.PAGE, to, i * Layout.PAGE, Layout.PAGE);
                }
            }
        } else {
            ByteBuffer b = ByteBuffer.wrap(to).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < Layout.GROUP; i++) {
                if ((mask >> i & 1) != 0) {
                    long pattern = x.pattern((first + i) % Layout.SECTION);
                    for (int at = 0; at < Layout.PAGE; at += 8) {
                        b.putLong(i * Layout.PAGE + at, pattern);
                    }
                }
            }
        }
        return mask;
    }

    /**
     * Pages of the group that are of the kind, and if that is CHUNK in the chunk, of {@code page}.
     */
    private int alike(int first, int page, int kind) throws SnapshotException {
        int n = Math.min(Layout.GROUP, pages - first);
        int s = page / Layout.SECTION;
        if (sectionKind(s) != Layout.BLOCK) {
            return (1 << n) - 1;
        }
        Section x = section(s);
        int chunk = x.chunk(page % Layout.SECTION);
        int mask = 0;
        for (int i = 0; i < n; i++) {
            int p = (first + i) % Layout.SECTION;
            if (x.kind(p) == kind && (kind != Layout.CHUNK || x.chunk(p) == chunk)) {
                mask |= 1 << i;
            }
        }
        return mask;
    }

    /**
     * Reads the chunks of pages that will be wanted soon, those that lie near each other by one
     * read of the origin.
     *
     * @param wanted page numbers in any order; those that have no chunk cost nothing
     * @param from index of the first to look at
     * @param to index behind the last; fewer are taken if they are many, see {@link Ahead#end}
     */
    Ahead ahead(int[] wanted, int from, int to) throws SnapshotException {
        Ahead a = new Ahead(origin, manifest.packs());
        int end = from;
        while (end < to && a.bytes() < Ahead.MOST) {
            want(wanted[end++], a);
        }
        a.read(end);
        return a;
    }

    private void want(int page, Ahead a) throws SnapshotException {
        int kind = kind(page);
        if (kind == Layout.PARENT) {
            Image p = parent();
            p.want(page, a.parent(p.origin, p.manifest.packs()));
        } else if (kind == Layout.CHUNK) {
            Section x = section(page / Layout.SECTION);
            int c = x.chunk(page % Layout.SECTION);
            a.want(x.pack(c), x.offset(c), Layout.RECORD_HEAD + x.stored(c));
        }
    }

    /** Reads all pages of a group, those that are all zero included. Returns their number. */
    int readGroup(int group, byte[] to) throws SnapshotException {
        return readGroup(group, to, null);
    }

    /** As {@link #readGroup(int, byte[])}, with chunks that were read ahead, or null. */
    int readGroup(int group, byte[] to, Ahead ahead) throws SnapshotException {
        int first = group * Layout.GROUP;
        int n = Math.min(Layout.GROUP, pages - first);
        int done = 0;
        for (int i = 0; i < n; i++) {
            if ((done >> i & 1) == 0) {
                int got = fetch(first + i, to, 0xFFFF & ~done, ahead);
                for (int z = 0; z < n; z++) {
                    if ((got >> 16 + z & 1) != 0) {
                        Arrays.fill(to, z * Layout.PAGE, (z + 1) * Layout.PAGE, (byte) 0);
                    }
                }
                done |= got | got >>> 16;
            }
        }
        return n;
    }

    private byte[] readChunk(Section x, int c, Ahead ahead) throws SnapshotException {
        Buffers u = buffers.get();
        int stored = x.stored(c);
        int n = x.chunkPages(c) * Layout.PAGE;
        String name = manifest.packs().get(x.pack(c)).name();
        int record = Layout.RECORD_HEAD + stored;
        if (ahead == null || !ahead.take(x.pack(c), x.offset(c), u.stored, record)) {
            origin.read(name, x.offset(c), u.stored, 0, record);
        }
        ByteBuffer h = ByteBuffer.wrap(u.stored).order(ByteOrder.LITTLE_ENDIAN);
        boolean good =
                h.getInt(0) == Layout.RECORD_MAGIC
                        && h.get(4) == x.codec(c).ordinal()
                        && h.get(5) == x.chunkPages(c)
                        && h.getShort(6) == 0
                        && h.getInt(8) == stored
                        && h.getInt(12) == recordCrc(u.stored, stored)
                        && u.unpacker.unpack(
                                x.codec(c), u.stored, Layout.RECORD_HEAD, stored, u.content, n)
                        && sha(u.content, n, x.digest(c));
        if (!good) {
            throw corrupt(
                    "the chunk at 0x%x of %s does not match its checksum; the guest has not seen it"
                            .formatted(x.offset(c), name));
        }
        return u.content;
    }

    private static boolean sha(byte[] b, int n, byte[] want) {
        var d = Digests.sha256();
        d.update(b, 0, n);
        return Arrays.equals(d.digest(), want);
    }

    /** CRC32C of a record: its head up to the checksum, and the payload. */
    static int recordCrc(byte[] record, int stored) {
        java.util.zip.CRC32C c = new java.util.zip.CRC32C();
        c.update(record, 0, 12);
        c.update(record, Layout.RECORD_HEAD, stored);
        return (int) c.getValue();
    }

    // ---- parent
    // ------------------------------------------------------------------------------------------------------

    /** Opened when first wanted. */
    synchronized Image parent() throws SnapshotException {
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
        if (!p.manifest.regions().equals(manifest.regions())) {
            p.close();
            throw new SnapshotException(
                    Kind.MISMATCH,
                    "snapshot %s has other RAM than its parent %s".formatted(origin, p.origin));
        }
        parent = p;
        return p;
    }

    private Image findParent() throws SnapshotException {
        for (Origin s : origin.parents(manifest.parent())) {
            if (isParent(s)) {
                return open(s, depth + 1);
            }
            s.close();
        }
        throw new SnapshotException(
                Kind.MISSING,
                "snapshot %s needs its parent %s (id %s), which is not there"
                        .formatted(
                                origin,
                                manifest.parent().path(),
                                Manifest.hex(manifest.parent().id())));
    }

    private boolean isParent(Origin s) throws SnapshotException {
        try {
            return Manifest.read(s).answersTo(manifest.parent().id());
        } catch (SnapshotException e) {
            if (e.kind() == Kind.SOURCE) {
                throw e; // it may be, but does not answer now
            }
            return false; // an unreadable neighbour is not the parent
        }
    }

    @Override
    public synchronized void close() throws SnapshotException {
        closed = true;
        try {
            origin.close();
        } finally {
            if (parent != null) {
                parent.close();
            }
        }
    }
}
