// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.disk.Disk;
import dev.faultline.snapshot.internal.format.Codec;
import dev.faultline.snapshot.internal.format.Digests;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Writes an index, a pack and the content's hashes, one section after the other. One thread. */
public final class ImageWriter implements AutoCloseable {
    /**
     * A section to be written: fill {@link #content}, and set {@link #kind} of pages that are the
     * parent's.
     */
    public static final class Draft {
        public final byte[] content = new byte[Layout.SECTION * Layout.PAGE];
        public final int[] kind = new int[Layout.SECTION];
        private final long[] pattern = new long[Layout.SECTION];
        private final int[] chunk = new int[Layout.SECTION];
        private final int[] slot = new int[Layout.SECTION];
        private final int[] held = new int[Layout.GROUP];
        private final byte[] hash = new byte[Layout.SECTION * Layout.DIGEST];
        public int pages;

        /** What the content of a page is: ZERO, FILL or CHUNK. */
        public void classify(int page) {
            ByteBuffer b = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
            int at = page * Layout.PAGE;
            boolean same = !isStored(content, at);
            pattern[page] = same ? b.getLong(at) : 0;
            kind[page] = !same ? Layout.CHUNK : pattern[page] == 0 ? Layout.ZERO : Layout.FILL;
        }
    }

    /** Whether a page is of kind CHUNK: it does not repeat its first eight bytes. */
    public static boolean isStored(byte[] b, int at) {
        return !Arrays.equals(b, at, at + Layout.PAGE - 8, b, at + 8, at + Layout.PAGE);
    }

    /** A chunk that is in the pack. */
    private record Stored(long offset, int bytes, Codec codec, int pages, byte[] digest) {}

    /** Where a page is that was stored before its section, and what it hashes to. */
    private record Touched(Stored chunk, int slot, byte[] hash) {}

    private final String number;
    private final Codec codec;
    private final Codec.Packer packer;
    private final Disk.Out index;
    private final Disk.Out pack;
    private final Map<ByteBuffer, Stored> known = new HashMap<>();
    private final Map<Integer, Touched> touched = new HashMap<>();
    private final ByteBuffer tables;
    private final byte[] gathered = new byte[Layout.GROUP * Layout.PAGE];
    private final long[] counts = new long[4];
    private long indexBytes = Layout.HEAD;
    private long packBytes = Layout.HEAD;
    private final Codec.Packer blocks = new Codec.Packer(Codec.LZ4);
    private boolean compressed;
    private boolean packedBlocks;
    private boolean packedTables;
    private final ByteBuffer digests;
    private final ByteBuffer tableBytes;
    private long tablesBytes;
    private int section; // sections written
    private final @Nullable HashWriter hashes; // null: the parent has none
    private final MessageDigest sha = Digests.sha256();

    /**
     * @param number of the files, so that a compaction's stand beside the old ones
     * @param parent of pages of kind PARENT; null if there are none. If it has no content root,
     *     this has none either
     */
    public ImageWriter(
            Disk disk, Path dir, int number, Codec codec, long pages, @Nullable Image parent)
            throws IOException {
        this.number = Integer.toString(number);
        this.codec = codec;
        this.packer = new Codec.Packer(codec);
        int sections = Math.toIntExact((pages + Layout.SECTION - 1) / Layout.SECTION);
        this.tables = little(Math.multiplyExact(sections, Layout.TABLE_ENTRY));
        int count = (sections + Layout.TABLE - 1) / Layout.TABLE;
        this.digests = ByteBuffer.allocate(count * Layout.DIGEST);
        this.tableBytes = little(2 * count);
        this.index = disk.create(dir.resolve(Layout.INDEX + number));
        try {
            this.pack = disk.create(dir.resolve(Layout.PACK + number));
            try {
                index.write(head(Layout.INDEX_MAGIC));
                pack.write(head(Layout.PACK_MAGIC));
                hashes =
                        parent != null && parent.tree() == null
                                ? null
                                : new HashWriter(
                                        disk,
                                        dir,
                                        number,
                                        pages,
                                        parent == null ? null : parent.tree());
            } catch (IOException e) {
                pack.close();
                throw e;
            }
        } catch (IOException e) {
            index.close();
            throw e;
        }
    }

    private static ByteBuffer little(int n) {
        return ByteBuffer.allocate(n).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static ByteBuffer head(byte[] magic) {
        return little(Layout.HEAD).put(magic).putInt(Layout.VERSION).putInt(0).flip();
    }

    /** A section all of whose pages are of one kind, ZERO or PARENT. */
    public void uniform(int kind, int pages) throws IOException, SnapshotException {
        if (hashes != null) {
            hashes.uniform(kind, pages);
        }
        section++;
        counts[kind] += pages;
        tables.put((byte) kind).position(tables.position() + Layout.TABLE_ENTRY - 1);
    }

    public void section(Draft d) throws IOException, SnapshotException {
        int first = d.kind[0];
        boolean one = first == Layout.ZERO || first == Layout.PARENT;
        for (int p = 1; one && p < d.pages; p++) {
            one = d.kind[p] == first;
        }
        if (one) {
            uniform(first, d.pages);
            return;
        }
        ByteBuffer chunks = little(Layout.SECTION * Layout.CHUNK_ENTRY);
        place(d, section++ * Layout.SECTION, chunks);
        if (hashes != null) {
            hashes.section(d.kind, d.pattern, d.hash, d.pages);
        }
        ByteBuffer entries = little(d.pages * Layout.PAGE_ENTRY);
        for (int p = 0; p < d.pages; p++) {
            int kind = d.kind[p];
            counts[kind]++;
            boolean stored = kind == Layout.CHUNK;
            entries.put((byte) kind)
                    .put((byte) (stored ? d.slot[p] : 0))
                    .putShort((short) (stored ? d.chunk[p] : 0))
                    .putLong(kind == Layout.FILL ? d.pattern[p] : 0);
        }
        chunks.flip();
        ByteBuffer block = little(Layout.BLOCK_HEAD + entries.capacity() + chunks.limit());
        block.putShort((short) d.pages)
                .putShort((short) (chunks.limit() / Layout.CHUNK_ENTRY))
                .putInt(0)
                .put(entries.flip())
                .put(chunks)
                .flip();
        block.putInt(4, Digests.crc32c(block.array(), 8, block.limit() - 8));
        index(block);
    }

    /** Most of a block repeats: packed it is a small part, above all where few pages are stored. */
    private void index(ByteBuffer block) throws IOException {
        int n = block.limit();
        int packed = codec == Codec.RAW ? -1 : blocks.pack(block.array(), n);
        ByteBuffer b = packed < 0 ? block : ByteBuffer.wrap(blocks.out(), 0, packed);
        packedBlocks |= packed >= 0;
        tables.put((byte) Layout.BLOCK)
                .put((byte) (packed < 0 ? Codec.RAW : Codec.LZ4).ordinal())
                .putShort((short) (packed < 0 ? 0 : n))
                .putInt(b.limit())
                .putLong(indexBytes);
        MessageDigest sha = Digests.sha256();
        sha.update(b.array(), 0, b.limit());
        tables.put(sha.digest());
        indexBytes += b.limit();
        index.write(b);
    }

    /**
     * Gives every stored page of a section its chunk and slot. Where neither touched pages nor the
     * parent's are, a chunk holds what there is of one aligned group, so that equal areas are
     * found; otherwise what is left over of the groups is put together as it comes.
     *
     * @param base number of the section's first page
     */
    private void place(Draft d, int base, ByteBuffer chunks) throws IOException {
        Map<Stored, Integer> numbers = new IdentityHashMap<>();
        boolean aligned = touched.isEmpty() && !refersToParent(d);
        int held = 0;
        for (int p = 0; p < d.pages; p++) {
            Touched t = d.kind[p] == Layout.CHUNK ? touched.get(base + p) : null;
            if (t != null) {
                d.slot[p] = t.slot();
                System.arraycopy(t.hash(), 0, d.hash, p * Layout.DIGEST, Layout.DIGEST);
                d.chunk[p] = number(t.chunk(), numbers, chunks);
            } else if (d.kind[p] == Layout.CHUNK) {
                System.arraycopy(
                        d.content, p * Layout.PAGE, gathered, held * Layout.PAGE, Layout.PAGE);
                d.slot[p] = held;
                d.held[held++] = p;
                sha.update(d.content, p * Layout.PAGE, Layout.PAGE);
                System.arraycopy(sha.digest(), 0, d.hash, p * Layout.DIGEST, Layout.DIGEST);
            }
            boolean end = p == d.pages - 1 || aligned && p % Layout.GROUP == Layout.GROUP - 1;
            if (held == Layout.GROUP || held > 0 && end) {
                int c = number(store(held), numbers, chunks);
                while (held > 0) {
                    d.chunk[d.held[--held]] = c;
                }
            }
        }
    }

    /** Then few pages are stored; in chunks of single pages they would shrink less. */
    private static boolean refersToParent(Draft d) {
        for (int p = 0; p < d.pages; p++) {
            if (d.kind[p] == Layout.PARENT) {
                return true;
            }
        }
        return false;
    }

    /** The number of a chunk in the block of a section. */
    private static int number(Stored s, Map<Stored, Integer> numbers, ByteBuffer chunks) {
        Integer known = numbers.get(s);
        if (known != null) {
            return known;
        }
        chunks.putLong(s.offset())
                .putInt(s.bytes())
                .putShort((short) 0)
                .put((byte) s.codec().ordinal())
                .put((byte) s.pages())
                .put(s.digest());
        numbers.put(s, numbers.size());
        return numbers.size() - 1;
    }

    /**
     * Stores pages that a guest touches together as one chunk, wherever in RAM they are. Before the
     * first section; the sections' drafts need not have their content then, only their kind, CHUNK.
     *
     * @param pages numbers, each passed once at most; of them those from {@code from} to before
     *     {@code to}, at most 16
     * @param content of page i at i * 4096
     */
    public void touched(int[] pages, int from, int to, byte[] content) throws IOException {
        if (section != 0) {
            throw new IllegalStateException("sections have been written already");
        }
        int n = to - from;
        System.arraycopy(content, from * Layout.PAGE, gathered, 0, n * Layout.PAGE);
        Stored s = store(n);
        for (int i = 0; i < n; i++) {
            sha.update(gathered, i * Layout.PAGE, Layout.PAGE);
            touched.put(pages[from + i], new Touched(s, i, sha.digest()));
        }
    }

    /** Whether a page went to {@link #touched}. */
    public boolean isTouched(int page) {
        return touched.containsKey(page);
    }

    /** Stores what is gathered, unless its like is in the pack. */
    private Stored store(int pages) throws IOException {
        int n = pages * Layout.PAGE;
        MessageDigest sha = Digests.sha256();
        sha.update(gathered, 0, n);
        byte[] digest = sha.digest();
        Stored s = known.get(ByteBuffer.wrap(digest));
        if (s != null) {
            return s;
        }
        int packed = packer.pack(gathered, n);
        int bytes = packed < 0 ? n : packed;
        Codec used = packed < 0 ? Codec.RAW : codec;
        compressed |= used != Codec.RAW;
        ByteBuffer r = little(Layout.RECORD_HEAD + bytes);
        r.putInt(Layout.RECORD_MAGIC)
                .put((byte) used.ordinal())
                .put((byte) pages)
                .putShort((short) 0)
                .putInt(bytes)
                .putInt(0)
                .put(packed < 0 ? gathered : packer.out(), 0, bytes)
                .flip();
        r.putInt(12, Chunks.recordCrc(r.array(), bytes));
        s = new Stored(packBytes, bytes, used, pages, digest);
        packBytes += r.limit();
        pack.write(r);
        known.put(ByteBuffer.wrap(digest), s);
        return s;
    }

    /** Writes the tables and forces both files to the medium. */
    public void finish() throws IOException {
        int n = tables.position();
        int step = Layout.TABLE * Layout.TABLE_ENTRY;
        for (int at = 0; at < n; at += step) {
            table(Arrays.copyOfRange(tables.array(), at, Math.min(at + step, n)));
        }
        index.force();
        pack.force();
        if (hashes != null) {
            hashes.finish();
        }
    }

    /** The content's; null if there are none. After {@link #finish}. */
    public Manifest.@Nullable Hashes hashes() {
        return hashes == null ? null : hashes.hashes();
    }

    private void table(byte[] plain) throws IOException {
        int packed = codec == Codec.RAW ? -1 : blocks.pack(plain, plain.length);
        byte[] b = packed < 0 ? plain : Arrays.copyOf(blocks.out(), packed);
        packedTables |= packed >= 0;
        digests.put(Digests.sha256().digest(b));
        tableBytes.putShort((short) b.length);
        tablesBytes += b.length;
        index.write(ByteBuffer.wrap(b));
    }

    /** After {@link #finish}. */
    public Manifest.Index index() {
        return new Manifest.Index(
                Layout.INDEX + number,
                indexBytes + tablesBytes,
                indexBytes,
                digests.array(),
                packedTables ? tableBytes.array() : new byte[0]);
    }

    public Manifest.Pack pack() {
        return new Manifest.Pack(Layout.PACK + number, packBytes);
    }

    public Manifest.Counts counts() {
        return new Manifest.Counts(
                counts[Layout.ZERO],
                counts[Layout.PARENT],
                counts[Layout.FILL],
                counts[Layout.CHUNK]);
    }

    /** What a reader must know. After {@link #finish}. */
    public List<String> features() {
        Set<String> used = new TreeSet<>();
        if (packedBlocks) {
            used.add(Codec.LZ4.feature());
        }
        if (compressed) {
            used.add(codec.feature());
        }
        if (packedTables) {
            used.add(Manifest.TABLES_FEATURE);
        }
        return List.copyOf(used);
    }

    @Override
    public void close() throws IOException {
        try (index;
                pack) {
            if (hashes != null) {
                hashes.close();
            }
        }
    }
}
