// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.picture;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import javax.imageio.ImageIO;

/** What pictures are drawn on. Rectangles of one colour do not cover each other. */
interface Canvas {
    /**
     * @param rgb 0xRRGGBB
     */
    void rectangle(int x, int y, int width, int height, int rgb);

    /** Text with its upper left corner at (x, y); a letter is 7 * scale high. */
    void text(int x, int y, String text, int scale, int rgb);

    void write(Path file) throws IOException;

    /**
     * @param name its ending decides: .svg or .png
     * @throws IllegalArgumentException for another ending
     */
    static Canvas of(Path name, int width, int height, int background) {
        String s = String.valueOf(name.getFileName()).toLowerCase(Locale.ROOT);
        if (s.endsWith(".svg")) {
            return new Svg(width, height, background);
        }
        if (s.endsWith(".png")) {
            return new Png(width, height, background);
        }
        throw new IllegalArgumentException(
                name + ": expected a name that ends in .png or .svg for the picture");
    }

    /** Dots. */
    final class Png implements Canvas {
        private final BufferedImage image;

        Png(int width, int height, int background) {
            image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
            rectangle(0, 0, width, height, background);
        }

        @Override
        public void rectangle(int x, int y, int width, int height, int rgb) {
            int[] row = new int[width];
            java.util.Arrays.fill(row, rgb);
            for (int i = 0; i < height; i++) {
                image.setRGB(x, y + i, width, 1, row, 0, width);
            }
        }

        @Override
        public void text(int x, int y, String text, int scale, int rgb) {
            for (int i = 0; i < text.length(); i++) {
                int left = x + i * PixelFont.ADVANCE * scale;
                for (int dx = 0; dx < PixelFont.WIDTH; dx++) {
                    for (int dy = 0; dy < PixelFont.HEIGHT; dy++) {
                        if (PixelFont.dot(text.charAt(i), dx, dy)) {
                            rectangle(left + dx * scale, y + dy * scale, scale, scale, rgb);
                        }
                    }
                }
            }
        }

        @Override
        public void write(Path file) throws IOException {
            try (var out = Files.newOutputStream(file)) {
                if (!ImageIO.write(image, "png", out)) {
                    throw new IOException("this JDK has no PNG writer; name the picture .svg");
                }
            }
        }
    }

    /** Shapes: one path for each colour, then the texts. */
    final class Svg implements Canvas {
        private final int width;
        private final int height;
        private final Map<Integer, StringBuilder> paths = new LinkedHashMap<>();
        private final StringBuilder texts = new StringBuilder();

        Svg(int width, int height, int background) {
            this.width = width;
            this.height = height;
            rectangle(0, 0, width, height, background);
        }

        @Override
        public void rectangle(int x, int y, int w, int h, int rgb) {
            paths.computeIfAbsent(rgb, c -> new StringBuilder())
                    .append('M')
                    .append(x)
                    .append(' ')
                    .append(y)
                    .append('h')
                    .append(w)
                    .append('v')
                    .append(h)
                    .append("h-")
                    .append(w)
                    .append('z');
        }

        @Override
        public void text(int x, int y, String text, int scale, int rgb) {
            String safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
            // As wide as the PNG's letters, whatever font the viewer has.
            texts.append(
                    String.format(
                            Locale.ROOT,
                            "<text x=\"%d\" y=\"%d\" font-size=\"%d\" fill=\"#%06x\""
                                    + " textLength=\"%d\">%s</text>%n",
                            x,
                            y + 7 * scale,
                            10 * scale,
                            rgb,
                            PixelFont.width(text) * scale,
                            safe));
        }

        @Override
        public void write(Path file) throws IOException {
            StringBuilder s = new StringBuilder();
            s.append(
                    String.format(
                            Locale.ROOT,
                            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\""
                                    + " viewBox=\"0 0 %d %d\" font-family=\"monospace\">%n",
                            width,
                            height,
                            width,
                            height));
            paths.forEach((rgb, d) ->
                    s.append(
                            String.format(
                                    Locale.ROOT, "<path fill=\"#%06x\" d=\"%s\"/>%n", rgb, d)));
            s.append(texts).append("</svg>\n");
            Files.writeString(file, s, StandardCharsets.UTF_8);
        }
    }
}
