// SPDX-License-Identifier: Apache-2.0
package org.example.watchpoint;

import dev.faultline.api.address.Page;
import dev.faultline.api.protection.Rights;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLongArray;
import javax.imageio.ImageIO;

/** How often each page of a range was accessed, as a table or a picture. Any thread. */
final class HeatMap {
    /** Largest number of pages: 4 GiB. */
    static final long MAX_PAGES = 1 << 20;

    private static final int KINDS = 3;
    private static final int CELL_PIXELS = 8;

    private final long firstGfn;
    private final int pages;

    /** Index: page * KINDS + kind; kinds are reads, writes, fetches. */
    private final AtomicLongArray counts;

    /**
     * @param pages 1 to {@link #MAX_PAGES}
     */
    HeatMap(long firstGfn, int pages) {
        this.firstGfn = firstGfn;
        this.pages = pages;
        counts = new AtomicLongArray(pages * KINDS);
    }

    /**
     * @param access {@link Rights} bits
     */
    void count(long gfn, int access) {
        int page = (int) (gfn - firstGfn);
        for (int kind = 0; kind < KINDS; kind++) {
            if ((access & 1 << kind) != 0) {
                counts.getAndIncrement(page * KINDS + kind);
            }
        }
    }

    /** Accesses of one kind (a single {@link Rights} bit) to a page. */
    long counted(long gfn, int access) {
        return counts.get((int) (gfn - firstGfn) * KINDS + Integer.numberOfTrailingZeros(access));
    }

    private long total(int page) {
        long n = 0;
        for (int kind = 0; kind < KINDS; kind++) {
            n += counts.get(page * KINDS + kind);
        }
        return n;
    }

    /** One line for each page that was accessed: address, reads, writes, fetches. */
    String text() {
        StringBuilder s =
                new StringBuilder("#             page      reads     writes    fetches\n");
        for (int p = 0; p < pages; p++) {
            if (total(p) > 0) {
                s.append(
                        String.format(
                                Locale.ROOT,
                                "0x%016x %10d %10d %10d%n",
                                firstGfn + p << Page.SHIFT,
                                counts.get(p * KINDS),
                                counts.get(p * KINDS + 1),
                                counts.get(p * KINDS + 2)));
            }
        }
        return s.toString();
    }

    /**
     * A square per page, row by row: black for untouched, brighter by the logarithm of the count;
     * green reads, red writes, blue fetches.
     */
    BufferedImage picture() {
        int columns = (int) Math.ceil(Math.sqrt(pages));
        int rows = (pages + columns - 1) / columns;
        int cell = columns > 256 ? 1 : CELL_PIXELS;
        BufferedImage image =
                new BufferedImage(columns * cell, rows * cell, BufferedImage.TYPE_INT_RGB);
        for (int p = 0; p < pages; p++) {
            int rgb =
                    brightness(counts.get(p * KINDS + 1)) << 16
                            | brightness(counts.get(p * KINDS)) << 8
                            | brightness(counts.get(p * KINDS + 2));
            for (int y = 0; y < cell; y++) {
                for (int x = 0; x < cell; x++) {
                    image.setRGB(p % columns * cell + x, p / columns * cell + y, rgb);
                }
            }
        }
        return image;
    }

    /** 0 for none, 64 to 255 for one to a million and more. */
    private static int brightness(long count) {
        return count == 0 ? 0 : (int) Math.min(255, 64 + 32 * Math.log10(count));
    }

    /** Replaces {@code file} in one step: a picture if its name ends in .png, else the table. */
    void write(Path file) throws IOException {
        Path part = file.resolveSibling(file.getFileName() + ".part");
        if (file.toString().endsWith(".png")) {
            ImageIO.write(picture(), "png", part.toFile());
        } else {
            Files.writeString(part, text());
        }
        Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
    }
}
