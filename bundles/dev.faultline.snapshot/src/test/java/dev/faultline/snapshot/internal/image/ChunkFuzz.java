// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.snapshot.internal.ForgedImage;
import dev.faultline.snapshot.internal.format.Codec;
import dev.faultline.snapshot.internal.format.Digests;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Section;
import dev.faultline.testkit.Fuzz;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** Fuzz target: u8 codec and pages of a chunk, then its record's payload. */
public final class ChunkFuzz {
    private ChunkFuzz() {}

    public static void fuzzerTestOneInput(byte[] data) {
        if (data.length < 2) {
            return;
        }
        int codec = (data[0] & 0xFF) % 4;
        int pages = 1 + (data[0] >> 2 & 15);
        byte[] pack =
                Arrays.copyOf(
                        ForgedImage.PACK_HEAD, Layout.HEAD + Layout.RECORD_HEAD + data.length - 1);
        System.arraycopy(data, 1, pack, Layout.HEAD + Layout.RECORD_HEAD, data.length - 1);
        byte[] block = new byte[Section.size(pages, 1)];
        ByteBuffer b = ForgedImage.little(block);
        b.putShort(0, (short) pages).putShort(2, (short) 1);
        for (int p = 0; p < pages; p++) {
            b.put(Layout.BLOCK_HEAD + p * Layout.PAGE_ENTRY, (byte) Layout.CHUNK);
            b.put(Layout.BLOCK_HEAD + p * Layout.PAGE_ENTRY + 1, (byte) p);
        }
        int at = Layout.BLOCK_HEAD + pages * Layout.PAGE_ENTRY;
        b.putLong(at, Layout.HEAD).putInt(at + 8, data.length - 1);
        b.put(at + 14, (byte) codec).put(at + 15, (byte) pages);
        Fuzz.bounded(
                data.length,
                64,
                () -> {
                    seal(b, at, pack);
                    ForgedImage.readAll(ForgedImage.section(pages, block, false, pack));
                });
    }

    /**
     * Writes the head of the record that the entry at {@code at} names, and the hash of its
     * content.
     */
    static void seal(ByteBuffer block, int at, byte[] pack) {
        long offset = block.getLong(at);
        int stored = block.getInt(at + 8);
        int codec = block.get(at + 14) & 0xFF;
        int pages = block.get(at + 15) & 0xFF;
        if (offset < Layout.HEAD
                || stored < 0
                || offset > pack.length - Layout.RECORD_HEAD - (long) stored
                || codec >= Codec.values().length
                || pages > Layout.GROUP) {
            return;
        }
        int from = (int) offset;
        ByteBuffer p = ForgedImage.little(pack);
        p.putInt(from, Layout.RECORD_MAGIC);
        p.put(from + 4, (byte) codec).put(from + 5, (byte) pages).putShort(from + 6, (short) 0);
        p.putInt(from + 8, stored);
        byte[] record = Arrays.copyOfRange(pack, from, from + Layout.RECORD_HEAD + stored);
        p.putInt(from + 12, Chunks.recordCrc(record, stored));
        byte[] content = new byte[pages * Layout.PAGE];
        if (new Codec.Unpacker()
                .unpack(
                        Codec.values()[codec],
                        pack,
                        from + Layout.RECORD_HEAD,
                        stored,
                        content,
                        content.length)) {
            block.put(at + 16, Digests.sha256().digest(content));
        }
    }
}
