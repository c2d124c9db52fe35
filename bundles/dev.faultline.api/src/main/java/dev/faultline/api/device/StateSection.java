// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * The state of one device or vCPU: a typed, versioned map. Values are long, byte[] or String. Not
 * thread-safe.
 */
public final class StateSection {
    private final String id;
    private final int version;
    private final TreeMap<String, Object> values = new TreeMap<>();

    public StateSection(String id, int version) {
        this.id = id;
        this.version = version;
    }

    public String id() {
        return id;
    }

    public int version() {
        return version;
    }

    public void put(String key, long value) {
        values.put(key, value);
    }

    public void put(String key, boolean value) {
        values.put(key, value ? 1L : 0L);
    }

    public void put(String key, String value) {
        values.put(key, value);
    }

    public void put(String key, byte[] value) {
        values.put(key, value.clone());
    }

    public void put(String key, long[] value) {
        byte[] b = new byte[value.length * 8];
        java.nio.ByteBuffer.wrap(b)
                .order(java.nio.ByteOrder.LITTLE_ENDIAN)
                .asLongBuffer()
                .put(value);
        values.put(key, b);
    }

    public void put(String key, int[] value) {
        byte[] b = new byte[value.length * 4];
        java.nio.ByteBuffer.wrap(b)
                .order(java.nio.ByteOrder.LITTLE_ENDIAN)
                .asIntBuffer()
                .put(value);
        values.put(key, b);
    }

    /** For codecs: a value of type Long, byte[] or String. */
    public void putRaw(String key, Object value) {
        if (!(value instanceof Long || value instanceof byte[] || value instanceof String)) {
            throw new IllegalArgumentException(
                    "state section "
                            + id
                            + ", key "
                            + key
                            + ": unsupported type "
                            + (value == null ? "null" : value.getClass().getName()));
        }
        values.put(key, value);
    }

    public long getLong(String key) {
        return (Long) typed(key, Long.class);
    }

    public int getInt(String key) {
        long v = getLong(key);
        if (v != (int) v && v >>> 32 != 0) {
            throw bad(key, "an int, not 0x" + Long.toHexString(v));
        }
        return (int) v;
    }

    public boolean getBoolean(String key) {
        return getLong(key) != 0;
    }

    public String getString(String key) {
        return (String) typed(key, String.class);
    }

    public byte[] getBytes(String key) {
        return ((byte[]) typed(key, byte[].class)).clone();
    }

    /** Fills {@code to}, whose length must match what was saved. */
    public void getInto(String key, long[] to) {
        byte[] b = sized(key, to.length * 8);
        java.nio.ByteBuffer.wrap(b).order(java.nio.ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(to);
    }

    /** Fills {@code to}, whose length must match what was saved. */
    public void getInto(String key, int[] to) {
        byte[] b = sized(key, to.length * 4);
        java.nio.ByteBuffer.wrap(b).order(java.nio.ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(to);
    }

    public boolean has(String key) {
        return values.containsKey(key);
    }

    /** All values by key, ascending; unmodifiable. */
    public Map<String, Object> values() {
        return Collections.unmodifiableMap(values);
    }

    private byte[] sized(String key, int bytes) {
        byte[] b = (byte[]) typed(key, byte[].class);
        if (b.length != bytes) {
            throw bad(key, bytes + " bytes, not " + b.length);
        }
        return b;
    }

    private Object typed(String key, Class<?> type) {
        Object v = values.get(key);
        if (!type.isInstance(v)) {
            throw bad(key, v == null ? "present" : "a " + type.getSimpleName());
        }
        return v;
    }

    private IllegalArgumentException bad(String key, String expected) {
        return new IllegalArgumentException(
                "state section "
                        + id
                        + " version "
                        + version
                        + ": key "
                        + key
                        + " must be "
                        + expected);
    }

    @Override
    public boolean equals(Object o) {
        if (!(o instanceof StateSection s)
                || !id.equals(s.id)
                || version != s.version
                || !values.keySet().equals(s.values.keySet())) {
            return false;
        }
        return values.entrySet().stream()
                .allMatch(e ->
                        e.getValue() instanceof byte[] b
                                ? s.values.get(e.getKey()) instanceof byte[] c
                                        && Arrays.equals(b, c)
                                : e.getValue().equals(s.values.get(e.getKey())));
    }

    @Override
    public int hashCode() {
        return id.hashCode() * 31 + version;
    }

    @Override
    public String toString() {
        return id + " v" + version + " " + values.keySet();
    }
}
