// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Sizes and times as people write and read them. */
public final class Sizes {
    private static final Pattern SIZE = Pattern.compile("(\\d{1,15})([KMGT]?)");

    private Sizes() {}

    /** {@code 512M}, {@code 2G}, plain bytes. */
    public static final class Converter implements ITypeConverter<Long> {
        @Override
        public Long convert(String s) {
            try {
                return parse(s);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }

    /**
     * Bytes of {@code 512M}, {@code 2G}, {@code 4096}.
     *
     * @throws IllegalArgumentException for anything else, with one line for people
     */
    public static long parse(String s) {
        Matcher m = SIZE.matcher(s.toUpperCase(Locale.ROOT));
        if (!m.matches()) {
            throw new IllegalArgumentException(
                    "'" + s + "' is not a size: expected digits and K, M, G or T, e.g. 512M");
        }
        int shift = m.group(2).isEmpty() ? 0 : 10 * (1 + "KMGT".indexOf(m.group(2)));
        try {
            return Math.multiplyExact(Long.parseLong(m.group(1)), 1L << shift);
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException("'" + s + "' is more than any machine has");
        }
    }

    public static String bytes(long n) {
        if (n < 10L << 10) {
            return n + " B";
        }
        String[] units = {"KiB", "MiB", "GiB", "TiB"};
        double x = n / 1024.0;
        int u = 0;
        while (x >= 1024 && u < units.length - 1) {
            x /= 1024;
            u++;
        }
        return String.format(Locale.ROOT, x < 10 ? "%.1f %s" : "%.0f %s", x, units[u]);
    }

    public static String millis(double ms) {
        return String.format(
                Locale.ROOT, ms < 10 ? "%.2f ms" : ms < 1000 ? "%.0f ms" : "%,.0f ms", ms);
    }

    public static double millis(long nanos) {
        return nanos / 1e6;
    }
}
