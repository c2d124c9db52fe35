// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import javax.imageio.ImageIO;

/** Where the touched pages lie: in the terminal and as a PNG. */
final class PageMap {
    private static final int COLUMNS = 64;
    private static final int ROWS = 16;
    private static final String SHADES = " .:-=+*#%@";
    private static final int WIDTH = 512;

    private final BitSet pages;
    private final int total;

    PageMap(BitSet pages, int total) {
        this.pages = pages;
        this.total = total;
    }

    /** Each cell is a run of pages; the darker, the more of them were touched. */
    String text() {
        int cells = COLUMNS * ROWS;
        StringBuilder b = new StringBuilder();
        int max = 1;
        int[] n = new int[cells];
        for (int p = pages.nextSetBit(0); p >= 0; p = pages.nextSetBit(p + 1)) {
            int c = (int) ((long) p * cells / total);
            max = Math.max(max, ++n[c]);
        }
        for (int r = 0; r < ROWS; r++) {
            b.append("  |");
            for (int c = 0; c < COLUMNS; c++) {
                int k = n[r * COLUMNS + c];
                int shade = k == 0 ? 0 : 1 + (SHADES.length() - 2) * k / max;
                b.append(SHADES.charAt(shade));
            }
            b.append("|\n");
        }
        b.append(
                "  each cell %d pages; ' ' none touched, '@' up to %d\n"
                        .formatted((total + cells - 1) / cells, max));
        return b.toString();
    }

    /** One pixel a page, row by row from gpa 0. */
    void png(Path file) throws IOException {
        int rows = (total + WIDTH - 1) / WIDTH;
        BufferedImage im = new BufferedImage(WIDTH, rows, BufferedImage.TYPE_INT_RGB);
        for (int p = 0; p < rows * WIDTH; p++) {
            int rgb = p >= total ? 0x808080 : pages.get(p) ? 0xE04020 : 0x102030;
            im.setRGB(p % WIDTH, p / WIDTH, rgb);
        }
        if (!ImageIO.write(im, "png", file.toFile())) {
            throw new IOException("no PNG writer in this JDK");
        }
    }
}
