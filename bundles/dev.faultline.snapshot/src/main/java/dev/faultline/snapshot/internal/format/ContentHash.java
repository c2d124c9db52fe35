// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;

/**
 * The content root: a tree of SHA-256 over what the pages hold, whatever files they are in. Its
 * leaves are the pages; a section is the hash of its pages' hashes, a table of its sections', the
 * root of the tables' and of the number of pages. It stays when a snapshot is compacted.
 */
public final class ContentHash {
    private static final byte[] HEAD = "FLTROOT\n".getBytes(StandardCharsets.US_ASCII);
    public static final byte[] ZERO_PAGE = Digests.sha256().digest(new byte[Layout.PAGE]);
    private static final byte[] ZERO_SECTION = sectionOfZeroes(Layout.SECTION);
    private static final byte[] ZERO_TABLE = tableOfZeroes(Layout.TABLE * Layout.SECTION);

    private ContentHash() {}

    /** How many pages a table has. */
    public static int pagesOf(int table, long pages) {
        return (int) Math.min((long) Layout.TABLE * Layout.SECTION, pages - firstPage(table));
    }

    private static long firstPage(int table) {
        return (long) table * Layout.TABLE * Layout.SECTION;
    }

    public static int sections(int pages) {
        return (pages + Layout.SECTION - 1) / Layout.SECTION;
    }

    public static byte[] zeroSection(int pages) {
        return (pages == Layout.SECTION ? ZERO_SECTION : sectionOfZeroes(pages)).clone();
    }

    private static byte[] sectionOfZeroes(int pages) {
        return Digests.sha256().digest(zeroLeaves(pages));
    }

    public static byte[] zeroTable(int pages) {
        boolean full = pages == Layout.TABLE * Layout.SECTION;
        return (full ? ZERO_TABLE : tableOfZeroes(pages)).clone();
    }

    private static byte[] tableOfZeroes(int pages) {
        return Digests.sha256().digest(zeroSections(pages));
    }

    /** The hashes of pages that are all zero, one after the other. */
    public static byte[] zeroLeaves(int pages) {
        byte[] b = new byte[pages * Layout.DIGEST];
        for (int p = 0; p < pages; p++) {
            System.arraycopy(ZERO_PAGE, 0, b, p * Layout.DIGEST, Layout.DIGEST);
        }
        return b;
    }

    /** The hashes of sections that are all zero, one after the other. */
    public static byte[] zeroSections(int pages) {
        int n = sections(pages);
        byte[] b = new byte[n * Layout.DIGEST];
        for (int s = 0; s < n; s++) {
            byte[] d = zeroSection(Math.min(Layout.SECTION, pages - s * Layout.SECTION));
            System.arraycopy(d, 0, b, s * Layout.DIGEST, Layout.DIGEST);
        }
        return b;
    }

    /**
     * @param tables the hashes of all tables, one after the other
     */
    public static byte[] root(long pages, byte[] tables) {
        MessageDigest sha = Digests.sha256();
        sha.update(HEAD);
        sha.update(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(pages).array());
        return sha.digest(tables);
    }

    /** Of a page that repeats eight bytes. */
    public static byte[] filled(long pattern) {
        ByteBuffer b = ByteBuffer.allocate(Layout.PAGE).order(ByteOrder.LITTLE_ENDIAN);
        while (b.hasRemaining()) {
            b.putLong(pattern);
        }
        return Digests.sha256().digest(b.array());
    }

    /** Whether hash number {@code i} of several is {@code d}. */
    public static boolean is(byte[] hashes, int i, byte[] d) {
        int at = i * Layout.DIGEST;
        return Arrays.equals(hashes, at, at + Layout.DIGEST, d, 0, Layout.DIGEST);
    }

    public static byte[] get(byte[] hashes, int i) {
        return Arrays.copyOfRange(hashes, i * Layout.DIGEST, (i + 1) * Layout.DIGEST);
    }
}
