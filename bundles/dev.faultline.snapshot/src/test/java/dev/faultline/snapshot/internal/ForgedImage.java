// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.snapshot.internal.format.Codec;
import dev.faultline.snapshot.internal.format.Digests;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.Section;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.testkit.Fuzz;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Images whose hashes and checksums are good, whatever else they say: what a forger could make. */
public final class ForgedImage {
    public static final byte[] PACK_HEAD = head(Layout.PACK_MAGIC);
    private static final byte[] INDEX_HEAD = head(Layout.INDEX_MAGIC);

    private ForgedImage() {}

    private static byte[] head(byte[] magic) {
        return ByteBuffer.allocate(Layout.HEAD)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(magic)
                .putInt(Layout.VERSION)
                .array();
    }

    public static ByteBuffer little(byte[] b) {
        return ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * @param blocks what follows the index's head
     * @param tables entries of 48 bytes
     */
    public static Map<String, byte[]> files(int pages, byte[] blocks, byte[] tables, byte[] pack) {
        return files(pages, blocks, tables, new byte[0], pack);
    }

    /** One table of up to 256 sections, packed. */
    public static Map<String, byte[]> packedTable(int pages, byte[] table, byte[] pack) {
        byte[] length = {(byte) table.length, (byte) (table.length >> 8)};
        return files(pages, new byte[64], table, length, pack);
    }

    private static Map<String, byte[]> files(
            int pages, byte[] blocks, byte[] tables, byte[] tableBytes, byte[] pack) {
        byte[] index =
                ByteBuffer.allocate(Layout.HEAD + blocks.length + tables.length)
                        .put(INDEX_HEAD)
                        .put(blocks)
                        .put(tables)
                        .array();
        int perTable = Layout.TABLE * Layout.TABLE_ENTRY;
        int n = (tables.length + perTable - 1) / perTable;
        ByteBuffer digests = ByteBuffer.allocate(n * Layout.DIGEST);
        for (int at = 0; at < tables.length; at += perTable) {
            var sha = Digests.sha256();
            sha.update(tables, at, Math.min(perTable, tables.length - at));
            digests.put(sha.digest());
        }
        Manifest m =
                new Manifest(
                        Instant.EPOCH,
                        new MachineConfig("f", (long) pages * Layout.PAGE, 1, "", "", List.of()),
                        List.of("lz4", "zstd"),
                        null,
                        List.of(new Manifest.Region("ram", (long) pages * Layout.PAGE)),
                        new Manifest.Counts(0, 0, 0, pages),
                        new Manifest.Index(
                                "index-0",
                                index.length,
                                Layout.HEAD + blocks.length,
                                digests.array(),
                                tableBytes),
                        List.of(new Manifest.Pack("pack-0", pack.length)),
                        List.of(),
                        List.of(),
                        null);
        Map<String, byte[]> files = new HashMap<>();
        files.put("manifest", m.encode());
        files.put("index-0", index);
        files.put("pack-0", pack);
        return files;
    }

    /** One section, whose block has its CRC32C and SHA-256 put right. */
    public static Map<String, byte[]> section(
            int pages, byte[] block, boolean packed, byte[] pack) {
        byte[] sealed = block.clone();
        if (!packed && block.length >= Layout.BLOCK_HEAD) {
            little(sealed).putInt(4, Digests.crc32c(sealed, 8, sealed.length - 8));
        }
        ByteBuffer e =
                ByteBuffer.allocate(Layout.TABLE_ENTRY)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .put((byte) Layout.BLOCK)
                        .put((byte) (packed ? Codec.LZ4.ordinal() : 0))
                        .putShort((short) (packed ? Section.size(pages, pages) : 0))
                        .putInt(sealed.length)
                        .putLong(Layout.HEAD)
                        .put(Digests.sha256().digest(sealed));
        return files(pages, sealed, e.array(), pack);
    }

    /** Reads everything there is; a typed refusal is an answer. */
    public static void readAll(Map<String, byte[]> files) {
        try (Image x = Image.open(new MemoryOrigin(files))) {
            byte[] group = new byte[Layout.GROUP * Layout.PAGE];
            for (int g = 0; g < x.groups(); g++) {
                try {
                    int n = x.bulk().readGroup(g, group);
                    Fuzz.require(n > 0 && n <= Layout.GROUP, n + " pages in a group");
                } catch (SnapshotException e) {
                    Fuzz.oneLine(e);
                }
            }
        } catch (SnapshotException e) {
            Fuzz.oneLine(e);
        }
    }
}
