// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.snapshot.internal.format.Layout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/**
 * A program that saves, compacts and deletes without end, for {@link KillTest}. Snapshot number n
 * holds what {@link #memory} says of n.
 */
final class SaveLoop {
    static final int PAGES = 700;
    private static final int FIRST_WRITES = 400;
    private static final int WRITES = 60;

    private SaveLoop() {}

    /** What generation n writes. */
    private static void writes(int n, java.util.function.BiConsumer<Integer, byte[]> to) {
        Random r = new Random(n);
        for (int i = 0; i < (n == 0 ? FIRST_WRITES : WRITES); i++) {
            to.accept(r.nextInt(PAGES), Fake.page(n * 1000L + i, i % 4));
        }
    }

    /** All pages of a generation. */
    static byte[][] memory(int n) {
        byte[][] all = new byte[PAGES + 5][4096];
        for (int g = 0; g <= n; g++) {
            writes(g, (p, b) -> all[p] = b);
        }
        return all;
    }

    /**
     * @param args the directory; the generation to start with
     */
    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[0]);
        int n = Integer.parseInt(args[1]);
        Snapshots snapshots = new Snapshots(Fake.HOST);
        try (Fake f = new Fake(PAGES)) {
            for (int g = 0; g < n; g++) {
                writes(g, f::poke);
            }
            for (Path last = null; ; n++) {
                writes(n, f::write);
                Path dir = home.resolve("s" + n);
                boolean first = last == null;
                SaveOptions o =
                        new SaveOptions(
                                n % 4 == 3 ? Compression.ZSTD : Compression.LZ4,
                                !first,
                                n % 3 != 0,
                                true);
                int now = n;
                snapshots.save(f.machine, dir, o, x -> rewrite(f, now, x));
                System.out.println("saved " + n);
                if (!first) {
                    snapshots.compact(dir, x -> {});
                    snapshots.delete(last);
                }
                last = dir;
                if (!Files.exists(dir.resolve(Layout.MANIFEST))) {
                    throw new AssertionError(dir + " is gone");
                }
            }
        }
    }

    /** Writes what is there already, so that a live save has to keep pages aside. */
    private static void rewrite(Fake f, int n, double done) {
        if (n % 3 != 0 && done < 1) {
            for (int p = 512; p < PAGES; p += 9) {
                f.write(p, f.peek(p));
            }
        }
    }
}
