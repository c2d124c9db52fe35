// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Typed access to a decoded map; what is missing or of another type is an {@link
 * IllegalArgumentException} that names the key.
 */
record Fields(Map<String, Object> map) {
    Fields(@Nullable Object value) {
        this(cast(value));
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> cast(@Nullable Object o) {
        if (o instanceof Map<?, ?> m) {
            return (Map<String, Object>) m;
        }
        throw new IllegalArgumentException("a map was expected");
    }

    boolean has(String key) {
        return map.containsKey(key);
    }

    private <T> T typed(String key, Class<T> type) {
        Object v = map.get(key);
        if (!type.isInstance(v)) {
            throw new IllegalArgumentException(
                    key + (v == null ? " is missing" : " is not a " + type.getSimpleName()));
        }
        return type.cast(v);
    }

    /** Not negative. */
    long number(String key) {
        long n = typed(key, Long.class);
        if (n < 0) {
            throw new IllegalArgumentException(key + " is " + n);
        }
        return n;
    }

    String text(String key) {
        return typed(key, String.class);
    }

    byte[] bytes(String key) {
        return typed(key, byte[].class);
    }

    byte[] digest(String key) {
        return digest(key, bytes(key));
    }

    private static byte[] digest(String key, Object v) {
        if (v instanceof byte[] b && b.length == Layout.DIGEST) {
            return b;
        }
        throw new IllegalArgumentException(key + " is not a SHA-256");
    }

    Fields fields(String key) {
        return new Fields(map.get(key));
    }

    List<Fields> list(String key) {
        List<Fields> l = new ArrayList<>();
        for (Object o : typed(key, List.class)) {
            l.add(new Fields(o));
        }
        return l;
    }

    List<String> texts(String key) {
        List<String> l = new ArrayList<>();
        for (Object o : typed(key, List.class)) {
            if (!(o instanceof String s)) {
                throw new IllegalArgumentException(key + " holds something that is not a text");
            }
            l.add(s);
        }
        return l;
    }

    List<byte[]> digests(String key) {
        List<byte[]> l = new ArrayList<>();
        for (Object o : typed(key, List.class)) {
            l.add(digest(key, o));
        }
        return l;
    }
}
