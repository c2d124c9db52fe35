// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;

/**
 * A verified block of the index: the pages of 2 MiB. Little endian: u16 pages, u16 chunks, u32
 * CRC32C of all that follows; per page u8 kind, u8 slot, u16 chunk, u64 pattern; per chunk u64
 * offset, u32 stored bytes, u16 pack, u8 codec, u8 pages, SHA-256 of the content. Immutable.
 */
public final class Section {
    private final ByteBuffer b;
    private final int pages;
    private final int chunks;

    /** Per chunk its first page, and per page the next one of the same chunk; -1: none. */
    private final short[] first;

    private final short[] next;

    private Section(ByteBuffer b) {
        this.b = b;
        this.pages = b.getShort(0) & 0xFFFF;
        this.chunks = b.getShort(2) & 0xFFFF;
        if (pages > Layout.SECTION || b.capacity() != size(pages, chunks)) {
            throw new IllegalArgumentException(
                    "%d pages and %d chunks in %d bytes".formatted(pages, chunks, b.capacity()));
        }
        this.first = new short[chunks];
        this.next = new short[pages];
    }

    public static int size(int pages, int chunks) {
        return Layout.BLOCK_HEAD + pages * Layout.PAGE_ENTRY + chunks * Layout.CHUNK_ENTRY;
    }

    /** The most bytes that a block can have: every page in a chunk of its own. */
    public static final int MAX_SIZE = size(Layout.SECTION, Layout.SECTION);

    /**
     * @param block verified against its SHA-256
     * @throws IllegalArgumentException if it makes no sense all the same
     */
    public static Section of(
            byte[] block, int wantPages, List<Manifest.Pack> packs, boolean hasParent) {
        if (block.length < Layout.BLOCK_HEAD) {
            throw new IllegalArgumentException(block.length + " bytes");
        }
        Section s = new Section(ByteBuffer.wrap(block).order(ByteOrder.LITTLE_ENDIAN));
        if (s.pages != wantPages) {
            throw new IllegalArgumentException(
                    "%d pages, expected %d".formatted(s.pages, wantPages));
        }
        if (s.b.getInt(4) != Digests.crc32c(block, 8, block.length - 8)) {
            throw new IllegalArgumentException("its CRC32C does not match");
        }
        for (int c = 0; c < s.chunks; c++) {
            s.checkChunk(c, packs);
        }
        for (int p = 0; p < s.pages; p++) {
            int kind = s.kind(p);
            if (kind > Layout.CHUNK
                    || kind == Layout.PARENT && !hasParent
                    || kind == Layout.CHUNK
                            && (s.chunk(p) >= s.chunks || s.slot(p) >= s.chunkPages(s.chunk(p)))) {
                throw new IllegalArgumentException("entry of page " + p);
            }
        }
        s.link();
        return s;
    }

    private void link() {
        Arrays.fill(first, (short) -1);
        Arrays.fill(next, (short) -1);
        for (int p = pages - 1; p >= 0; p--) {
            if (kind(p) == Layout.CHUNK) {
                next[p] = first[chunk(p)];
                first[chunk(p)] = (short) p;
            }
        }
    }

    private void checkChunk(int c, List<Manifest.Pack> packs) {
        int n = chunkPages(c);
        long stored = stored(c) & 0xFFFF_FFFFL;
        if (n < 1
                || n > Layout.GROUP
                || stored < 1
                || stored > (long) n * Layout.PAGE
                || (b.get(chunkAt(c) + 14) & 0xFF) >= Codec.values().length
                || pack(c) >= packs.size()
                || offset(c) < Layout.HEAD
                || offset(c) > packs.get(pack(c)).bytes() - Layout.RECORD_HEAD - stored) {
            throw new IllegalArgumentException("entry of chunk " + c);
        }
    }

    private static int pageAt(int page) {
        return Layout.BLOCK_HEAD + page * Layout.PAGE_ENTRY;
    }

    private int chunkAt(int chunk) {
        return pageAt(pages) + chunk * Layout.CHUNK_ENTRY;
    }

    public int pages() {
        return pages;
    }

    public int kind(int page) {
        return b.get(pageAt(page)) & 0xFF;
    }

    public int slot(int page) {
        return b.get(pageAt(page) + 1) & 0xFF;
    }

    public int chunk(int page) {
        return b.getShort(pageAt(page) + 2) & 0xFFFF;
    }

    public long pattern(int page) {
        return b.getLong(pageAt(page) + 4);
    }

    public long offset(int chunk) {
        return b.getLong(chunkAt(chunk));
    }

    public int stored(int chunk) {
        return b.getInt(chunkAt(chunk) + 8);
    }

    public int pack(int chunk) {
        return b.getShort(chunkAt(chunk) + 12) & 0xFFFF;
    }

    public Codec codec(int chunk) {
        return Codec.values()[b.get(chunkAt(chunk) + 14)];
    }

    public int chunkPages(int chunk) {
        return b.get(chunkAt(chunk) + 15) & 0xFF;
    }

    public boolean hasDigest(int chunk, byte[] digest) {
        int at = chunkAt(chunk) + 16;
        return Arrays.equals(b.array(), at, at + Layout.DIGEST, digest, 0, Layout.DIGEST);
    }

    /** Whether two entries say the same of a chunk, its place and its hash included. */
    public boolean sameRecord(int chunk, Section other, int of) {
        int at = chunkAt(chunk);
        int to = other.chunkAt(of);
        return b.getLong(at) == other.b.getLong(to)
                && Arrays.equals(
                        b.array(),
                        at,
                        at + Layout.CHUNK_ENTRY,
                        other.b.array(),
                        to,
                        to + Layout.CHUNK_ENTRY);
    }

    /** The first page in a chunk, or -1. */
    public int firstIn(int chunk) {
        return first[chunk];
    }

    /** The next page in the chunk of {@code page}, which is in one, or -1. */
    public int nextIn(int page) {
        return next[page];
    }
}
