// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.snapshot.internal.ForgedImage;
import dev.faultline.snapshot.internal.format.Digests;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.testkit.Fuzz;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;

/**
 * Fuzz target: u16 pages, u8 what the rest is: 0 a block, 1 a block packed by LZ4, 2 a packed
 * table, otherwise tables of sections (whose blocks lie in the same bytes). Records that a block
 * names are there and good.
 */
public final class IndexFuzz {
    private static final int PACK = 1 << 16;

    private static final byte[] NOISE = new byte[PACK];

    static {
        new Random(1).nextBytes(NOISE);
        System.arraycopy(ForgedImage.PACK_HEAD, 0, NOISE, 0, Layout.HEAD);
    }

    private IndexFuzz() {}

    public static void fuzzerTestOneInput(byte[] data) {
        if (data.length < 3) {
            return;
        }
        int pages = 1 + (ForgedImage.little(data).getShort(0) & Layout.SECTION - 1);
        byte[] rest = Arrays.copyOfRange(data, 3, data.length);
        Fuzz.bounded(
                data.length,
                // a table entry of 48 bytes stands for up to 512 pages to read, and may be packed
                512,
                () ->
                        ForgedImage.readAll(
                                switch (data[2]) {
                                    case 0 -> block(pages, rest);
                                    case 1 -> ForgedImage.section(pages, rest, true, pack());
                                    case 2 ->
                                            ForgedImage.packedTable(
                                                    (1 + pages % 4) * Layout.SECTION, rest, pack());
                                    default -> tables(rest);
                                }));
    }

    private static byte[] pack() {
        return NOISE.clone();
    }

    private static Map<String, byte[]> tables(byte[] rest) {
        int entries = Math.max(1, Math.min(600, rest.length / Layout.TABLE_ENTRY));
        byte[] tables = Arrays.copyOf(rest, entries * Layout.TABLE_ENTRY);
        for (int i = 0; i < entries; i++) {
            ByteBuffer e =
                    ForgedImage.little(tables)
                            .slice(i * Layout.TABLE_ENTRY, Layout.TABLE_ENTRY)
                            .order(java.nio.ByteOrder.LITTLE_ENDIAN);
            long at = e.getLong(8) - Layout.HEAD;
            int n = e.getInt(4);
            if (at >= 0 && n >= 0 && at <= rest.length - n) {
                var sha = Digests.sha256();
                sha.update(rest, (int) at, n);
                e.put(16, sha.digest());
            }
        }
        return ForgedImage.files(entries * Layout.SECTION, rest, tables, pack());
    }

    /** Makes what the block says of its records true, where it can be. */
    private static Map<String, byte[]> block(int pages, byte[] rest) {
        byte[] block = rest.clone();
        byte[] pack = pack();
        if (block.length >= Layout.BLOCK_HEAD) {
            ByteBuffer b = ForgedImage.little(block);
            int first = Layout.BLOCK_HEAD + (b.getShort(0) & 0xFFFF) * Layout.PAGE_ENTRY;
            for (int at = first;
                    at + Layout.CHUNK_ENTRY <= block.length;
                    at += Layout.CHUNK_ENTRY) {
                ChunkFuzz.seal(b, at, pack);
            }
        }
        return ForgedImage.section(pages, block, false, pack);
    }
}
