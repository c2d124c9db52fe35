// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.picture;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/** When a guest first touched each page. A cell shows the earliest touch in it. */
public final class TouchedPanel implements Panel {
    private static final int STEPS = 10;

    private final String heading;
    private final int pages;

    /** Touched pages, ascending, and the place of each in the order. */
    private final int[] page;

    private final int[] place;
    private final int touched;

    /**
     * @param order pages in the order in which they were first touched, each once, below {@code
     *     pages}
     */
    public TouchedPanel(String heading, int[] order, int pages) {
        this.heading = heading;
        this.pages = pages;
        this.touched = order.length;
        long[] sorted = new long[order.length];
        for (int i = 0; i < order.length; i++) {
            sorted[i] = (long) order[i] << 32 | i;
        }
        Arrays.sort(sorted);
        this.page = Arrays.stream(sorted).mapToInt(x -> (int) (x >> 32)).toArray();
        this.place = Arrays.stream(sorted).mapToInt(x -> (int) x).toArray();
    }

    @Override
    public String heading() {
        return heading;
    }

    @Override
    public int pages() {
        return pages;
    }

    @Override
    public Cell cell(int from, int to) {
        int n = 0;
        int first = Integer.MAX_VALUE;
        int at = Arrays.binarySearch(page, from);
        for (int i = at < 0 ? ~at : at; i < page.length && page[i] < to; i++) {
            n++;
            first = Math.min(first, place[i]);
        }
        if (n == 0) {
            return new Cell(' ', Colours.EMPTY);
        }
        int step = (int) ((long) first * STEPS / touched);
        int rgb = Colours.order((double) first / Math.max(1, touched - 1));
        return new Cell((char) ('0' + step), Colours.of(rgb, n, to - from));
    }

    @Override
    public List<Legend> legend() {
        return List.of(
                new Legend(
                        "'0' to '9'",
                        IntStream.range(0, STEPS)
                                .map(i -> Colours.order(i / (STEPS - 1.0)))
                                .boxed()
                                .toList(),
                        String.format(Locale.ROOT, "touched, first to last %,d", touched)),
                Legend.of(
                        ' ',
                        Colours.EMPTY,
                        String.format(Locale.ROOT, "not touched %,d", pages - touched)));
    }
}
