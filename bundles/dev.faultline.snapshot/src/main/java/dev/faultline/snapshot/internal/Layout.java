// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import java.nio.charset.StandardCharsets;

/**
 * Names and numbers of the on-disk format, version 1. A snapshot is a directory:
 *
 * <pre>
 * manifest    8 bytes magic, u32 version, u32 length n, n bytes CBOR, 32 bytes SHA-256 of everything before    (little endian)
 * pages.idx   per page of every region, in the manifest's order: u64 offset in pages.dat (-1: all zero), u32 CRC32C of the page
 * pages.dat   the pages that are not all zero, 4096 bytes each
 * trace       advisory: u64 magic, then u32 page numbers in first-touch order
 * </pre>
 *
 * The manifest holds the index's SHA-256 and the data's length, so that a truncated or foreign part is noticed when the snapshot is opened; a
 * flipped page is noticed when it is read, before the guest sees it.
 */
final class Layout {
    static final byte[] MAGIC = "FLTSNAP\n".getBytes(StandardCharsets.US_ASCII);
    static final int VERSION = 1;
    static final int PAGE = 4096;
    static final int ENTRY = 12;
    static final int DIGEST = 32;

    /** A manifest is small: device state and descriptions. Anything larger is not ours. */
    static final int MAX_MANIFEST = 16 << 20;

    static final String MANIFEST = "manifest";
    static final String INDEX = "pages.idx";
    static final String DATA = "pages.dat";
    static final String TRACE = "trace";
    static final long TRACE_MAGIC = 0x0A45_4341_5254_4C46L;

    /** A trace longer than this is cut: recording is a window. */
    static final int MAX_TRACE = 1 << 22;

    private Layout() {}
}
