// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import java.nio.charset.StandardCharsets;

/**
 * Names and numbers of the on-disk format, version 2; {@code docs/snapshot-format.md} describes it.
 */
public final class Layout {
    public static final byte[] MAGIC = ascii("FLTSNAP\n");
    public static final byte[] INDEX_MAGIC = ascii("FLTINDX\n");
    public static final byte[] PACK_MAGIC = ascii("FLTPACK\n");
    public static final byte[] HASHES_MAGIC = ascii("FLTHASH\n");
    public static final int VERSION = 2;
    public static final int PAGE = 4096;
    public static final int DIGEST = 32;

    /** Bytes before the body of a manifest, and of an index's or pack's head. */
    public static final int HEAD = 16;

    /** Pages of a section of the index (2 MiB), and entries of a table of sections (512 MiB). */
    public static final int SECTION = 512;

    public static final int TABLE = 256;

    /** Pages of a chunk at most; chunks hold pages of one aligned group of as many. */
    public static final int GROUP = 16;

    public static final int TABLE_ENTRY = 48;
    public static final int BLOCK_HEAD = 8;
    public static final int PAGE_ENTRY = 12;
    public static final int CHUNK_ENTRY = 48;
    public static final int RECORD_HEAD = 16;
    public static final int RECORD_MAGIC = 0x4B4E_4843; // "CHNK"

    /** Kinds of a page; of a section the first two and {@link #BLOCK}. */
    public static final int ZERO = 0;

    public static final int PARENT = 1;
    public static final int FILL = 2;
    public static final int CHUNK = 3;
    public static final int BLOCK = 2;

    /** A manifest is small: device state and descriptions. Anything larger is not ours. */
    public static final int MAX_MANIFEST = 16 << 20;

    /** A chain of parents longer than this is refused; {@code snapshot compact} shortens it. */
    public static final int MAX_CHAIN = 64;

    public static final String MANIFEST = "manifest";
    public static final String INDEX = "index-";
    public static final String PACK = "pack-";
    public static final String HASHES = "hashes-";
    public static final String TRACE = "trace";
    public static final long TRACE_MAGIC = 0x0A45_4341_5254_4C46L;

    private Layout() {}

    private static byte[] ascii(String s) {
        return s.getBytes(StandardCharsets.US_ASCII);
    }
}
