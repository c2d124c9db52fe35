// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.snapshot.internal.format.Codec;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Section;
import dev.faultline.snapshot.internal.format.Trace;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Real inputs of the fuzz targets; as a program, writes them for {@code bench/fuzz.sh}. */
public final class FuzzSeeds {
    static final String[] TARGETS = {"Cbor", "Manifest", "Index", "Chunk", "Trace"};

    private FuzzSeeds() {}

    public static void main(String[] args) throws Exception {
        for (String target : TARGETS) {
            Path home = Path.of(System.getProperty("faultline.fuzz.seeds"), target);
            Path dir = Files.createDirectories(home.resolve("corpus"));
            Path scratch = Files.createTempDirectory("fuzz");
            List<byte[]> seeds = of(target, scratch.resolve("s"));
            for (int i = 0; i < seeds.size(); i++) {
                Files.write(dir.resolve("seed-" + i), seeds.get(i));
            }
        }
    }

    /**
     * @param snapshot a directory that a snapshot may be saved to
     */
    static List<byte[]> of(String target, Path snapshot) throws Exception {
        if (target.equals("Cbor") || target.equals("Manifest")) {
            try (Fake f = new Fake(600).fill(3)) {
                new Snapshots().save(f.machine, snapshot, SaveOptions.DEFAULT, x -> {});
            }
        }
        List<byte[]> seeds = new ArrayList<>();
        switch (target) {
            case "Cbor", "Manifest" -> {
                byte[] file = Files.readAllBytes(snapshot.resolve("manifest"));
                int end = file.length - 4 - Layout.DIGEST;
                seeds.add(Arrays.copyOfRange(file, Layout.HEAD, end));
                if (target.equals("Manifest")) {
                    seeds.add(file);
                }
            }
            case "Index" -> indexSeeds(seeds);
            case "Chunk" -> {
                for (Codec c : Codec.values()) {
                    byte[] content = new byte[2 * Layout.PAGE];
                    System.arraycopy(Fake.page(5, 1), 0, content, 100, Layout.PAGE);
                    Codec.Packer packer = new Codec.Packer(c);
                    int n = packer.pack(content, content.length);
                    byte[] stored = n < 0 ? content : Arrays.copyOf(packer.out(), n);
                    seeds.add(behind(stored, c.ordinal() | 1 << 2));
                }
            }
            default ->
                    seeds.add(
                            Trace.NONE
                                    .merged(new int[] {1, 2, 3, 9, 12})
                                    .merged(new int[] {9, 8, 7})
                                    .encode());
        }
        return seeds;
    }

    /** The same section as a block, packed, and as a table; and one of each kind of page. */
    private static void indexSeeds(List<byte[]> seeds) {
        int pages = 8;
        byte[] block = new byte[Section.size(pages, 2)];
        var b = ForgedImage.little(block);
        b.putShort(0, (short) pages).putShort(2, (short) 2);
        for (int p = 0; p < pages; p++) {
            int at = Layout.BLOCK_HEAD + p * Layout.PAGE_ENTRY;
            int kind = p == 0 ? Layout.ZERO : p < 3 ? Layout.FILL : Layout.CHUNK;
            b.put(at, (byte) kind);
            if (kind == Layout.FILL) {
                b.putLong(at + 4, 0x1234_5678_9ABCL * p);
            } else if (kind == Layout.CHUNK) {
                b.put(at + 1, (byte) (p & 1)).putShort(at + 2, (short) (p >> 2));
            }
        }
        for (int c = 0; c < 2; c++) {
            int at = Layout.BLOCK_HEAD + pages * Layout.PAGE_ENTRY + c * Layout.CHUNK_ENTRY;
            b.putLong(at, 100 + 9000 * c).putInt(at + 8, 2 * Layout.PAGE).put(at + 15, (byte) 2);
        }
        seeds.add(behind(block, pages - 1, 0, 0));
        Codec.Packer packer = new Codec.Packer(Codec.LZ4);
        seeds.add(behind(Arrays.copyOf(packer.out(), packer.pack(block, block.length)), 7, 0, 1));
        byte[] table = new byte[3 * Layout.TABLE_ENTRY];
        table[Layout.TABLE_ENTRY] = Layout.BLOCK;
        ForgedImage.little(table)
                .putInt(Layout.TABLE_ENTRY + 4, 40)
                .putLong(Layout.TABLE_ENTRY + 8, 20);
        seeds.add(behind(table, 0, 0, 3));
        byte[] whole = Arrays.copyOf(table, 4 * Layout.TABLE_ENTRY);
        int n = packer.pack(whole, whole.length);
        seeds.add(behind(Arrays.copyOf(packer.out(), n), 6, 0, 2));
    }

    private static byte[] behind(byte[] rest, int... head) {
        byte[] all = new byte[head.length + rest.length];
        for (int i = 0; i < head.length; i++) {
            all[i] = (byte) head[i];
        }
        System.arraycopy(rest, 0, all, head.length, rest.length);
        return all;
    }
}
