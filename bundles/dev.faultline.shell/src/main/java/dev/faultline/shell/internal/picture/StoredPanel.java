// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.picture;

import dev.faultline.api.snapshot.PageMap;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What a snapshot stores for each page. A cell shows the most particular kind in it. */
public final class StoredPanel implements Panel {
    /** In order of particularity. */
    private enum Look {
        ZERO(PageMap.ZERO, ' ', Colours.EMPTY, "all zero, not stored"),
        SHARED(PageMap.SHARED, '.', 0x4F86F7, "in the parent"),
        PATTERN(PageMap.PATTERN, '+', 0x3FC1A0, "8 bytes repeated"),
        PRIVATE(PageMap.PRIVATE, '#', 0xF2A541, "stored here"),
        UNREADABLE(PageMap.UNREADABLE, '!', 0xFF4D4D, "cannot be read");

        final int kind;
        final char mark;
        final int rgb;
        final String meaning;

        Look(int kind, char mark, int rgb, String meaning) {
            this.kind = kind;
            this.mark = mark;
            this.rgb = rgb;
            this.meaning = meaning;
        }
    }

    private final PageMap map;
    private final long[] counts = new long[Look.values().length];

    public StoredPanel(PageMap map) {
        this.map = map;
        for (Look k : Look.values()) {
            counts[k.ordinal()] = map.count(k.kind, 0, map.pages());
        }
    }

    @Override
    public String heading() {
        return "What is stored";
    }

    @Override
    public int pages() {
        return map.pages();
    }

    @Override
    public Cell cell(int from, int to) {
        int[] n = new int[Look.values().length];
        Look most = Look.ZERO;
        for (Look k : Look.values()) {
            n[k.ordinal()] = map.count(k.kind, from, to);
            most = n[k.ordinal()] > 0 ? k : most;
        }
        if (most == Look.ZERO || most == Look.UNREADABLE) {
            return new Cell(most.mark, most.rgb); // a single broken page must be seen
        }
        int rgb = most.rgb;
        int there = n[most.ordinal()];
        for (Look k : List.of(Look.PATTERN, Look.SHARED)) {
            if (k != most && n[k.ordinal()] > 0) {
                there += n[k.ordinal()];
                rgb = Colours.mix(rgb, k.rgb, (double) n[k.ordinal()] / there);
            }
        }
        return new Cell(most.mark, Colours.of(rgb, there, to - from));
    }

    @Override
    public List<Legend> legend() {
        List<Legend> out = new ArrayList<>();
        for (Look k : List.of(Look.values()).reversed()) {
            if (counts[k.ordinal()] > 0) {
                String text = String.format(Locale.ROOT, "%s %,d", k.meaning, counts[k.ordinal()]);
                out.add(Legend.of(k.mark, k.rgb, text));
            }
        }
        return out;
    }
}
