// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import java.io.IOException;
import java.lang.ref.SoftReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * The pages of an open snapshot. Opening reads the manifest and the files' heads only; tables,
 * blocks and chunks are read when first wanted and verified from the manifest down, so no byte
 * leaves here unverified. Thread-safe.
 */
final class Image implements AutoCloseable {
    private final Path dir;
    private final Manifest manifest;
    private final int depth;
    private final int pages;
    private final FileChannel index;
    private final List<FileChannel> packs = new ArrayList<>();
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

    private Image(Path dir, Manifest m, int depth) throws SnapshotException, IOException {
        this.dir = dir;
        this.manifest = m;
        this.depth = depth;
        this.pages = (int) m.pages();
        int s = (pages + Layout.SECTION - 1) / Layout.SECTION;
        this.sections = new AtomicReferenceArray<>(s);
        this.tables = new AtomicReferenceArray<>((s + Layout.TABLE - 1) / Layout.TABLE);
        this.index = FileChannel.open(dir.resolve(m.index().name()), StandardOpenOption.READ);
        try {
            checkHead(index, m.index().name(), m.index().bytes(), Layout.INDEX_MAGIC);
            for (Manifest.Pack p : m.packs()) {
                FileChannel c = FileChannel.open(dir.resolve(p.name()), StandardOpenOption.READ);
                packs.add(c);
                checkHead(c, p.name(), p.bytes(), Layout.PACK_MAGIC);
            }
        } catch (IOException | SnapshotException e) {
            close();
            throw e;
        }
    }

    static Image open(Path dir) throws SnapshotException {
        return open(dir, 0);
    }

    private static Image open(Path dir, int depth) throws SnapshotException {
        Manifest m = Manifest.read(dir);
        try {
            return new Image(dir, m, depth);
        } catch (NoSuchFileException e) {
            throw new SnapshotException(
                    Kind.MISSING, "snapshot " + dir + " lacks its file " + e.getFile(), e);
        } catch (IOException e) {
            throw new SnapshotException(
                    Kind.IO, "snapshot " + dir + " cannot be read: " + e.getMessage(), e);
        }
    }

    private void checkHead(FileChannel c, String name, long want, byte[] magic)
            throws SnapshotException, IOException {
        long is = c.size();
        if (is != want) {
            throw new SnapshotException(
                    is < want ? Kind.TRUNCATED : Kind.CORRUPT,
                    "%s has %d bytes, its manifest says %d".formatted(dir.resolve(name), is, want));
        }
        byte[] head = new byte[Layout.HEAD];
        read(c, 0, head, Layout.HEAD, name);
        byte[] good =
                ByteBuffer.allocate(Layout.HEAD)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .put(magic)
                        .putInt(Layout.VERSION)
                        .array();
        if (!Arrays.equals(head, good)) {
            throw Manifest.corrupt(dir, name + " does not start as such a file does", null);
        }
    }

    Path dir() {
        return dir;
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
        read(index, at, b, b.length, manifest.index().name());
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
        return Manifest.corrupt(dir, manifest.index().name() + ": " + what, null);
    }

    /** The block of a section of kind BLOCK. */
    Section section(int s) throws SnapshotException {
        SoftReference<Section> r = sections.get(s);
        Section x = r == null ? null : r.get();
        if (x != null) {
            return x;
        }
        ByteBuffer e =
                ByteBuffer.wrap(table(s / Layout.TABLE))
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .slice(s % Layout.TABLE * Layout.TABLE_ENTRY, Layout.TABLE_ENTRY)
                        .order(ByteOrder.LITTLE_ENDIAN);
        long length = e.getInt(4) & 0xFFFF_FFFFL;
        long at = e.getLong(8);
        if (length > Section.MAX_SIZE
                || at < Layout.HEAD
                || at > manifest.index().tables() - length) {
            throw badIndex("section %d lies at 0x%x, %d bytes".formatted(s, at, length));
        }
        byte[] b = new byte[(int) length];
        read(index, at, b, b.length, manifest.index().name());
        byte[] want = new byte[Layout.DIGEST];
        e.get(16, want);
        if (!Arrays.equals(Digests.sha256().digest(b), want)) {
            throw badIndex("section " + s + " does not match its SHA-256");
        }
        try {
            int n = Math.min(Layout.SECTION, pages - s * Layout.SECTION);
            x = Section.of(b, n, manifest.packs(), manifest.parent() != null);
        } catch (IllegalArgumentException bad) {
            throw badIndex("section " + s + ": " + bad.getMessage());
        }
        sections.set(s, new SoftReference<>(x));
        return x;
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
        int first = page & -Layout.GROUP;
        int kind = kind(page);
        if (kind == Layout.PARENT) {
            return parent().fetch(page, to, wanted & alike(first, page, kind));
        }
        int mask = wanted & alike(first, page, kind);
        if (kind == Layout.ZERO) {
            return mask << 16;
        }
        Section x = section(page / Layout.SECTION);
        if (kind == Layout.CHUNK) {
            byte[] content = readChunk(x, x.chunk(page % Layout.SECTION));
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

    /** Reads all pages of a group, those that are all zero included. Returns their number. */
    int readGroup(int group, byte[] to) throws SnapshotException {
        int first = group * Layout.GROUP;
        int n = Math.min(Layout.GROUP, pages - first);
        int done = 0;
        for (int i = 0; i < n; i++) {
            if ((done >> i & 1) == 0) {
                int got = fetch(first + i, to, 0xFFFF & ~done);
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

    private byte[] readChunk(Section x, int c) throws SnapshotException {
        Buffers u = buffers.get();
        int stored = x.stored(c);
        int n = x.chunkPages(c) * Layout.PAGE;
        String name = manifest.packs().get(x.pack(c)).name();
        read(packs.get(x.pack(c)), x.offset(c), u.stored, Layout.RECORD_HEAD + stored, name);
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
            throw Manifest.corrupt(
                    dir,
                    "the chunk at 0x%x of %s does not match its checksum; the guest has not seen it"
                            .formatted(x.offset(c), name),
                    null);
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

    private void read(FileChannel c, long at, byte[] to, int n, String name)
            throws SnapshotException {
        ByteBuffer b = ByteBuffer.wrap(to, 0, n);
        try {
            while (b.hasRemaining()) {
                if (c.read(b, at + b.position()) < 0) {
                    throw new SnapshotException(
                            Kind.TRUNCATED,
                            "%s ends before 0x%x".formatted(dir.resolve(name), at + n));
                }
            }
        } catch (IOException e) {
            throw new SnapshotException(
                    Kind.IO, "%s at 0x%x: %s".formatted(dir.resolve(name), at, e.getMessage()), e);
        }
    }

    // ---- parent
    // ------------------------------------------------------------------------------------------------------

    /** Opened when first wanted. */
    synchronized Image parent() throws SnapshotException {
        if (parent != null) {
            return parent;
        }
        if (closed) {
            throw new SnapshotException(Kind.IO, "snapshot " + dir + " is closed");
        }
        if (depth >= Layout.MAX_CHAIN) {
            throw Manifest.corrupt(
                    dir, "more than " + Layout.MAX_CHAIN + " parents in a row", null);
        }
        Image p = open(findParent(), depth + 1);
        if (!p.manifest.regions().equals(manifest.regions())) {
            p.close();
            throw new SnapshotException(
                    Kind.MISMATCH,
                    "snapshot %s has other RAM than its parent %s".formatted(dir, p.dir));
        }
        parent = p;
        return p;
    }

    private Path findParent() throws SnapshotException {
        byte[] id = manifest.parent().id();
        Path home = dir.toAbsolutePath().normalize().getParent();
        try {
            Path hint = home.resolve(manifest.parent().path()).normalize();
            if (isParent(hint, id)) {
                return hint;
            }
            try (var beside = Files.newDirectoryStream(home)) {
                for (Path p : beside) {
                    if (isParent(p, id)) {
                        return p;
                    }
                }
            }
        } catch (IOException | java.nio.file.InvalidPathException e) {
            throw new SnapshotException(Kind.IO, home + ": " + e.getMessage(), e);
        }
        throw new SnapshotException(
                Kind.MISSING,
                "snapshot %s needs its parent %s (id %s), which is not there"
                        .formatted(dir, manifest.parent().path(), Manifest.hex(id)));
    }

    private static boolean isParent(Path p, byte[] id) {
        try {
            return Files.exists(p.resolve(Layout.MANIFEST)) && Manifest.read(p).answersTo(id);
        } catch (SnapshotException e) {
            return false; // an unreadable neighbour is not the parent
        }
    }

    @Override
    public synchronized void close() throws SnapshotException {
        closed = true;
        try {
            index.close();
            for (FileChannel c : packs) {
                c.close();
            }
        } catch (IOException e) {
            throw new SnapshotException(Kind.IO, dir + ": " + e.getMessage(), e);
        }
        if (parent != null) {
            parent.close();
        }
    }
}
