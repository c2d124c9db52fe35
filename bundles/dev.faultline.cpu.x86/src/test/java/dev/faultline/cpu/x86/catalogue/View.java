// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.catalogue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Locale;

/**
 * How bytes are shown and read: as integers in hexadecimal or as floating-point numbers, the lowest
 * element first. Reading what was shown gives the same bits.
 */
enum View {
    I8(1),
    I16(2),
    I32(4),
    I64(8),
    F32(4),
    F64(8),
    F80(10);

    private static final int BIAS_80 = 0x3FFF;
    private static final int BIAS_64 = 0x3FF;

    final int width;

    View(int width) {
        this.width = width;
    }

    /** By its name in a label. */
    static View named(String name) {
        return valueOf(name.toUpperCase(Locale.ROOT));
    }

    String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    String text(byte[] lanes) {
        ByteBuffer b = ByteBuffer.wrap(lanes).order(ByteOrder.LITTLE_ENDIAN);
        StringBuilder s = new StringBuilder();
        while (b.remaining() >= width) {
            s.append(s.isEmpty() ? "" : " ").append(one(b));
        }
        return s.toString();
    }

    private String one(ByteBuffer b) {
        return switch (this) {
            case I8 -> "%02X".formatted(b.get());
            case I16 -> "%04X".formatted(b.getShort());
            case I32 -> "%08X".formatted(b.getInt());
            case I64 -> "%016X".formatted(b.getLong());
            case F32 -> single(b.getInt());
            case F64 -> twice(b.getLong());
            case F80 -> extended(b.getLong(), b.getShort() & 0xFFFF);
        };
    }

    private static String single(int bits) {
        float f = Float.intBitsToFloat(bits);
        return Float.isNaN(f) ? "0x%08X".formatted(bits) : Float.toString(f);
    }

    private static String twice(long bits) {
        double d = Double.longBitsToDouble(bits);
        return Double.isNaN(d) ? "0x%016X".formatted(bits) : Double.toString(d);
    }

    /** In decimal if a double has exactly this value, else as exponent and significand. */
    private static String extended(long significand, int exponent) {
        int e = (exponent & 0x7FFF) - BIAS_80 + BIAS_64;
        long sign = (long) (exponent & 0x8000) << 48;
        if (significand == 0 && (exponent & 0x7FFF) == 0) {
            return twice(sign);
        }
        boolean normal = significand < 0 && e > 0 && e < 2 * BIAS_64 + 1;
        if (normal && (significand & 0x7FF) == 0) {
            return twice(sign | (long) e << 52 | significand << 1 >>> 12);
        }
        String raw = "%04X:%016X".formatted(exponent, significand);
        if (!normal) {
            return raw;
        }
        double near = Double.longBitsToDouble(sign | (long) e << 52 | significand << 1 >>> 12);
        return raw + " (about %s)".formatted(near);
    }

    /** How many elements the text names. */
    int count(String text) {
        return plain(text).split(" ").length;
    }

    byte[] bytes(String text) {
        String[] words = plain(text).split(" ");
        ByteBuffer b = ByteBuffer.allocate(words.length * width).order(ByteOrder.LITTLE_ENDIAN);
        for (String w : words) {
            switch (this) {
                case I8 -> b.put((byte) Integer.parseInt(w, 16));
                case I16 -> b.putShort((short) Integer.parseInt(w, 16));
                case I32 -> b.putInt(Integer.parseUnsignedInt(w, 16));
                case I64 -> b.putLong(Long.parseUnsignedLong(w, 16));
                case F32 -> b.putInt(singleBits(w));
                case F64 -> b.putLong(doubleBits(w));
                case F80 -> putExtended(b, w);
            }
        }
        return b.array();
    }

    /** Without what stands in brackets for the reader only. */
    static String plain(String text) {
        return text.replaceAll(" \\([^)]*\\)", "").strip();
    }

    private static int singleBits(String w) {
        return w.startsWith("0x")
                ? Integer.parseUnsignedInt(w.substring(2), 16)
                : Float.floatToRawIntBits(Float.parseFloat(w));
    }

    private static long doubleBits(String w) {
        return w.startsWith("0x")
                ? Long.parseUnsignedLong(w.substring(2), 16)
                : Double.doubleToRawLongBits(Double.parseDouble(w));
    }

    private static void putExtended(ByteBuffer b, String w) {
        int colon = w.indexOf(':');
        if (colon >= 0) {
            b.putLong(Long.parseUnsignedLong(w.substring(colon + 1), 16));
            b.putShort((short) Integer.parseInt(w.substring(0, colon), 16));
            return;
        }
        long bits = doubleBits(w);
        int sign = (int) (bits >>> 48) & 0x8000;
        int e = (int) (bits >>> 52) & 0x7FF;
        if (bits << 1 == 0) {
            b.putLong(0).putShort((short) sign);
        } else if (e == 0 || e == 0x7FF) {
            throw new IllegalArgumentException(w + ": write exponent:significand");
        } else {
            b.putLong(1L << 63 | bits << 12 >>> 1);
            b.putShort((short) (sign | e - BIAS_64 + BIAS_80));
        }
    }
}
