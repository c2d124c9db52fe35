// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.picture;

import dev.faultline.api.address.Page;
import dev.faultline.shell.internal.cli.Sizes;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** A machine's pages from the first to the last, in the terminal and as a picture. */
public final class PageChart {
    private static final int TEXT_COLUMNS = 64;
    private static final int TEXT_ROWS = 16;

    private static final int COLUMNS = 128;
    private static final int MOST_ROWS = 72;
    private static final int CELL = 6;
    private static final int PITCH = 7;
    private static final int MARGIN = 32;
    private static final int AXIS = 72;
    private static final int GAP = 40;
    private static final int LINE = 22;
    private static final int AXIS_ROWS = 8;
    private static final int SWATCH = 10;

    private final String title;
    private final List<String> facts;
    private final List<? extends Panel> panels;
    private final int pages;

    /**
     * @param facts lines under the title
     * @param panels side by side, at least one, all of the same number of pages
     */
    public PageChart(String title, List<String> facts, List<? extends Panel> panels) {
        this.title = title;
        this.facts = List.copyOf(facts);
        this.panels = List.copyOf(panels);
        this.pages = panels.getFirst().pages();
        for (Panel p : panels) {
            if (p.pages() != pages) {
                throw new IllegalArgumentException(p.pages() + " pages beside " + pages);
            }
        }
    }

    // ---- in the terminal

    /**
     * @param terminal whether a person's terminal shows it, so that colours make sense
     */
    public String text(boolean terminal, Function<String, @Nullable String> environment) {
        Colours.Terminal colours = Colours.Terminal.of(terminal, environment);
        StringBuilder b = new StringBuilder();
        for (Panel p : panels) {
            b.append(p.heading()).append(":\n");
            text(p, colours, b);
        }
        return b.toString();
    }

    private void text(Panel panel, Colours.Terminal colours, StringBuilder b) {
        int cells = Math.min(TEXT_COLUMNS * TEXT_ROWS, Math.max(1, pages));
        for (int c = 0; c < cells; c++) {
            int from = (int) ((long) c * pages / cells);
            int to = (int) ((long) (c + 1) * pages / cells);
            Panel.Cell x = pages == 0 ? new Panel.Cell(' ', 0) : panel.cell(from, to);
            b.append(c % TEXT_COLUMNS == 0 ? "  |" : "");
            b.append(x.mark() == ' ' ? " " : colours.set(x.rgb()) + x.mark());
            boolean end = c % TEXT_COLUMNS == TEXT_COLUMNS - 1 || c == cells - 1;
            b.append(end ? colours.reset() + "|\n" : "");
        }
        b.append("  each cell ")
                .append(Sizes.bytes((long) (pages + cells - 1) / cells * Page.SIZE));
        String before = ": ";
        for (Panel.Legend l : panel.legend()) {
            b.append(before).append(l.mark()).append(' ').append(l.meaning());
            before = ", ";
        }
        b.append('\n');
    }

    /**
     * @throws IllegalArgumentException if a picture cannot have this name
     */
    public static void checkName(Path file) {
        Canvas.of(file, 1, 1, Colours.PAPER);
    }

    // ---- as a picture

    /**
     * @param file ends in .png or .svg
     * @throws IllegalArgumentException for another ending
     */
    public void write(Path file) throws IOException {
        int per = 1;
        while (rows(per) > MOST_ROWS) {
            per *= 2;
        }
        int legends = panels.stream().mapToInt(p -> p.legend().size()).max().orElseThrow();
        int grid = COLUMNS * PITCH;
        int top = MARGIN + 28 + (facts.size() + 1) * LINE + 2 * LINE;
        int width = 2 * MARGIN + panels.size() * (AXIS + grid + GAP) - GAP;
        int height = top + rows(per) * PITCH + (legends + 2) * LINE + MARGIN;
        Canvas c = Canvas.of(file, width, height, Colours.PAPER);
        c.text(MARGIN, MARGIN, title, 3, Colours.INK);
        for (int i = 0; i < facts.size(); i++) {
            c.text(MARGIN, MARGIN + 36 + i * LINE, facts.get(i), 2, Colours.PALE);
        }
        int x = MARGIN;
        for (Panel p : panels) {
            draw(c, p, x, top, per);
            x += AXIS + grid + GAP;
        }
        c.write(file);
    }

    private int rows(int pagesPerCell) {
        long cells = ((long) pages + pagesPerCell - 1) / pagesPerCell;
        return (int) Math.max(1, (cells + COLUMNS - 1) / COLUMNS);
    }

    private void draw(Canvas c, Panel panel, int left, int top, int per) {
        int x0 = left + AXIS;
        c.text(x0, top - 26, panel.heading(), 2, Colours.INK);
        for (int r = 0; r < rows(per); r++) {
            if (r % AXIS_ROWS == 0) {
                String at = address((long) r * COLUMNS * per * Page.SIZE);
                c.text(x0 - 10 - PixelFont.width(at), top + r * PITCH, at, 1, Colours.PALE);
            }
            for (int i = 0; i < COLUMNS; i++) {
                long from = ((long) r * COLUMNS + i) * per;
                if (from < pages) {
                    int to = (int) Math.min(pages, from + per);
                    int rgb = panel.cell((int) from, to).rgb();
                    c.rectangle(x0 + i * PITCH, top + r * PITCH, CELL, CELL, rgb);
                }
            }
        }
        legend(c, panel, x0, top + rows(per) * PITCH + 12, per);
    }

    private static void legend(Canvas c, Panel panel, int x0, int top, int per) {
        int y = top;
        for (Panel.Legend l : panel.legend()) {
            int width = SWATCH * PITCH / l.rgb().size();
            for (int i = 0; i < l.rgb().size(); i++) {
                c.rectangle(x0 + i * width, y + 1, width, 2 * CELL, l.rgb().get(i));
            }
            c.text(x0 + (SWATCH + 2) * PITCH, y, l.meaning(), 2, Colours.INK);
            y += LINE;
        }
        String cell =
                per == 1
                        ? "a cell is a page of 4 KiB"
                        : String.format(
                                Locale.ROOT,
                                "a cell is %d pages, %s; brighter: more of them",
                                per,
                                Sizes.bytes((long) per * Page.SIZE));
        c.text(x0, y, cell, 2, Colours.PALE);
    }

    private static String address(long bytes) {
        return bytes == 0 ? "0" : bytes % (1 << 20) == 0 ? whole(bytes) : Sizes.bytes(bytes);
    }

    private static String whole(long bytes) {
        return bytes % (1L << 30) == 0 ? (bytes >> 30) + " GiB" : (bytes >> 20) + " MiB";
    }
}
