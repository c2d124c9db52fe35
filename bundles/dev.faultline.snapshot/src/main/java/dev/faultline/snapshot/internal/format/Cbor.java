// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The deterministic encoding of RFC 8949, section 4.2.1, of maps with text keys, arrays, texts,
 * byte strings and integers of 64 bits: shortest heads, definite lengths, keys in the bytewise
 * order of their encodings. One value has one encoding; anything else is refused when read. Nothing
 * is allocated that the input does not hold.
 */
public final class Cbor {
    private static final int MAX_DEPTH = 16;

    /**
     * Values in all, keys included: an empty map is one byte of input and many of heap. Far more
     * than a machine of many vCPUs and devices has.
     */
    private static final int MAX_VALUES = 1 << 18;

    private int values;

    private Cbor() {}

    /** Long, Integer, String, byte[], List and Map with String keys. */
    public static byte[] encode(Object value) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        write(out, value);
        return out.toByteArray();
    }

    private static void write(ByteArrayOutputStream out, Object value) {
        switch (value) {
            case Integer i -> write(out, (long) i);
            case Long l -> head(out, l < 0 ? 1 : 0, l < 0 ? ~l : l);
            case byte[] b -> {
                head(out, 2, b.length);
                out.writeBytes(b);
            }
            case String s -> {
                byte[] b = s.getBytes(StandardCharsets.UTF_8);
                head(out, 3, b.length);
                out.writeBytes(b);
            }
            case List<?> l -> {
                head(out, 4, l.size());
                l.forEach(x -> write(out, x));
            }
            case Map<?, ?> m -> {
                head(out, 5, m.size());
                m.entrySet().stream()
                        .map(e -> Map.entry(encode(e.getKey()), e.getValue()))
                        .sorted(Comparator.comparing(Map.Entry::getKey, Arrays::compareUnsigned))
                        .forEach(e -> {
                            out.writeBytes(e.getKey());
                            write(out, e.getValue());
                        });
            }
            default -> throw new IllegalArgumentException("cannot encode a " + value.getClass());
        }
    }

    private static void head(ByteArrayOutputStream out, int major, long n) {
        int bytes = n < 24 ? 0 : n < 1 << 8 ? 1 : n < 1 << 16 ? 2 : n < 1L << 32 ? 4 : 8;
        int info = bytes == 0 ? (int) n : 24 + Integer.numberOfTrailingZeros(bytes);
        out.write(major << 5 | info);
        for (int i = bytes - 1; i >= 0; i--) {
            out.write((int) (n >>> 8 * i));
        }
    }

    /**
     * @throws IllegalArgumentException if {@code bytes} is not exactly one value in its one
     *     encoding
     */
    public static Object decode(byte[] bytes, int at, int length) {
        ByteBuffer b = ByteBuffer.wrap(bytes, at, length);
        Object v = new Cbor().read(b, 0);
        if (b.hasRemaining()) {
            throw bad(b, b.remaining() + " bytes follow the value");
        }
        return v;
    }

    private Object read(ByteBuffer b, int depth) {
        if (++values > MAX_VALUES) {
            throw bad(b, "more than " + MAX_VALUES + " values");
        }
        if (depth > MAX_DEPTH) {
            throw bad(b, "nested deeper than " + MAX_DEPTH);
        }
        int first = need(b, 1).get() & 0xFF;
        long n = argument(b, first & 31);
        return switch (first >> 5) {
            case 0 -> n;
            case 1 -> ~n;
            case 2 -> take(b, n);
            case 3 -> text(b, n);
            case 4 -> {
                List<Object> l = new ArrayList<>();
                for (long i = 0; i < n; i++) {
                    l.add(read(b, depth + 1));
                }
                yield l;
            }
            case 5 -> map(b, n, depth);
            default -> throw bad(b, "type " + (first >> 5) + " is not used here");
        };
    }

    private Map<String, Object> map(ByteBuffer b, long n, int depth) {
        Map<String, Object> m = new LinkedHashMap<>();
        byte[] last = new byte[0];
        for (long i = 0; i < n; i++) {
            if (!(read(b, depth + 1) instanceof String key)) {
                throw bad(b, "a key is not a text");
            }
            byte[] k = encode(key);
            if (Arrays.compareUnsigned(last, k) >= 0) {
                throw bad(b, "key " + key + " is out of order");
            }
            last = k;
            m.put(key, read(b, depth + 1));
        }
        return m;
    }

    private static long argument(ByteBuffer b, int info) {
        if (info < 24) {
            return info;
        }
        if (info > 27) {
            throw bad(b, "head " + info + " is not used here");
        }
        int bytes = 1 << (info - 24);
        need(b, bytes);
        long n = 0;
        for (int i = 0; i < bytes; i++) {
            n = n << 8 | b.get() & 0xFF;
        }
        long least = bytes == 1 ? 24 : 1L << 4 * bytes;
        if (n < least) {
            throw bad(b, "number %d is not in its shortest form or out of range".formatted(n));
        }
        return n;
    }

    private static String text(ByteBuffer b, long n) {
        byte[] t = take(b, n);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(t)).toString();
        } catch (CharacterCodingException e) {
            throw bad(b, "a text is not UTF-8");
        }
    }

    private static byte[] take(ByteBuffer b, long n) {
        byte[] t = new byte[need(b, n).remaining() >= n ? (int) n : 0];
        b.get(t);
        return t;
    }

    private static ByteBuffer need(ByteBuffer b, long n) {
        if (n > b.remaining()) {
            throw bad(b, "%d bytes wanted, %d left".formatted(n, b.remaining()));
        }
        return b;
    }

    private static IllegalArgumentException bad(ByteBuffer b, String what) {
        return new IllegalArgumentException("at byte %d: %s".formatted(b.position(), what));
    }
}
