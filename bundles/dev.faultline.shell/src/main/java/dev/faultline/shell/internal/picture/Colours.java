// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.picture;

import java.util.Locale;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Colours as 0xRRGGBB. */
final class Colours {
    static final int PAPER = 0x0F1720;
    static final int EMPTY = 0x1B2631;
    static final int INK = 0xE6EDF3;
    static final int PALE = 0x8B98A5;

    /** From the first touch to the last. */
    private static final int[] ORDER = {0xFFF2B0, 0xFBB13C, 0xEF476F, 0xA23BB8, 0x5B5BFF};

    private Colours() {}

    /**
     * @param share of {@code b}, 0..1
     */
    static int mix(int a, int b, double share) {
        int r = 0;
        for (int shift = 0; shift <= 16; shift += 8) {
            int x = a >> shift & 0xFF;
            int y = b >> shift & 0xFF;
            r |= (int) Math.round(x + (y - x) * share) << shift;
        }
        return r;
    }

    /**
     * @param when 0 the first, 1 the last
     */
    static int order(double when) {
        double at = Math.clamp(when, 0, 1) * (ORDER.length - 1);
        int i = Math.min(ORDER.length - 2, (int) at);
        return mix(ORDER[i], ORDER[i + 1], at - i);
    }

    /** Few pages of a cell must show, many must show more. */
    static int of(int rgb, int count, int cellPages) {
        return count == 0 ? EMPTY : mix(EMPTY, rgb, 0.4 + 0.6 * count / cellPages);
    }

    /** How a terminal is told a colour. */
    enum Terminal {
        NONE,
        INDEXED,
        DIRECT;

        /** What the environment says the terminal can do. NO_COLOR is obeyed. */
        static Terminal of(boolean terminal, Function<String, @Nullable String> environment) {
            String term = environment.apply("TERM");
            String direct = environment.apply("COLORTERM");
            String no = environment.apply("NO_COLOR");
            if (!terminal || no != null && !no.isEmpty() || term == null || term.equals("dumb")) {
                return NONE;
            }
            if ("truecolor".equals(direct) || "24bit".equals(direct)) {
                return DIRECT;
            }
            return term.contains("256color") ? INDEXED : NONE;
        }

        String set(int rgb) {
            int r = rgb >> 16 & 0xFF;
            int g = rgb >> 8 & 0xFF;
            int b = rgb & 0xFF;
            return switch (this) {
                case NONE -> "";
                case INDEXED -> "\u001b[38;5;" + (16 + 36 * cube(r) + 6 * cube(g) + cube(b)) + "m";
                case DIRECT -> String.format(Locale.ROOT, "\u001b[38;2;%d;%d;%dm", r, g, b);
            };
        }

        String reset() {
            return this == NONE ? "" : "\u001b[0m";
        }

        private static int cube(int x) {
            return x < 48 ? 0 : x < 115 ? 1 : (x - 35) / 40;
        }
    }
}
