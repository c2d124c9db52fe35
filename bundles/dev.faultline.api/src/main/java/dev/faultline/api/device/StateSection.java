// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * The state of one device or vCPU: a typed, versioned map. Values are long, byte[] or String. Not
 * thread-safe.
 *
 * <p>What the getters do not find as asked for is an {@link IllegalArgumentException} of one line
 * that names section and key: a section may come from a file that somebody made.
 */
public final class StateSection {
    private final String id;
    private final int version;
    private final boolean optional;
    private final TreeMap<String, Object> values = new TreeMap<>();

    /** A required section: who does not know it cannot restore the machine. */
    public StateSection(String id, int version) {
        this(id, version, false);
    }

    /**
     * @param optional a machine that does not know the section can go on without it; it keeps the
     *     section and saves it again
     */
    public StateSection(String id, int version, boolean optional) {
        this.id = id;
        this.version = version;
        this.optional = optional;
    }

    /**
     * A section of the same id with the same values, which change independently: what a {@link
     * StateMigrator} starts from.
     */
    public StateSection withVersion(int other) {
        StateSection s = new StateSection(id, other, optional);
        s.values.putAll(values);
        return s;
    }

    public String id() {
        return id;
    }

    public int version() {
        return version;
    }

    public boolean optional() {
        return optional;
    }

    /** Takes a value out; nothing happens if there is none. */
    public void remove(String key) {
        values.remove(key);
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
        ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().put(value);
        values.put(key, b);
    }

    public void put(String key, int[] value) {
        byte[] b = new byte[value.length * 4];
        ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().put(value);
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

    /** A number of {@code min} to {@code max}. */
    public long getLong(String key, long min, long max) {
        long v = getLong(key);
        if (v < min || v > max) {
            throw bad(key, "%d to %d, not %d".formatted(min, max, v));
        }
        return v;
    }

    /** A number of {@code min} to {@code max}. */
    public int getInt(String key, int min, int max) {
        return (int) getLong(key, min, max);
    }

    public boolean getBoolean(String key) {
        return getLong(key, 0, 1) != 0;
    }

    public String getString(String key) {
        return (String) typed(key, String.class);
    }

    public byte[] getBytes(String key) {
        return ((byte[]) typed(key, byte[].class)).clone();
    }

    /** At most {@code most} bytes. */
    public byte[] getBytes(String key, int most) {
        byte[] b = (byte[]) typed(key, byte[].class);
        if (b.length > most) {
            throw bad(key, "at most %d bytes, not %d".formatted(most, b.length));
        }
        return b.clone();
    }

    /** Fills {@code to}, whose length must match what was saved. */
    public void getInto(String key, byte[] to) {
        System.arraycopy(sized(key, to.length), 0, to, 0, to.length);
    }

    /** Fills {@code to}, whose length must match what was saved. */
    public void getInto(String key, long[] to) {
        byte[] b = sized(key, to.length * 8);
        ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(to);
    }

    /** Fills {@code to}, whose length must match what was saved. */
    public void getInto(String key, int[] to) {
        byte[] b = sized(key, to.length * 4);
        ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(to);
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
            throw bad(key, bytes + " bytes long, not " + b.length);
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
                || optional != s.optional
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
        return id + " v" + version + (optional ? " optional " : " ") + values.keySet();
    }
}
