// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.dataformat.cbor.CBORFactory;
import com.fasterxml.jackson.dataformat.cbor.CBORGenerator;
import com.fasterxml.jackson.dataformat.cbor.CBORParser;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.vm.MachineConfig;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The description of a snapshot, and its codec (CBOR).
 *
 * @param regions RAM blocks in index order
 * @param dataBytes length of pages.dat
 * @param indexDigest SHA-256 of pages.idx
 */
record Manifest(
        Instant created,
        MachineConfig config,
        List<Region> regions,
        long zeroPages,
        long dataBytes,
        byte[] indexDigest,
        List<StateSection> state) {

    private static final CBORFactory CBOR =
            CBORFactory.builder()
                    .streamReadConstraints(
                            StreamReadConstraints.builder()
                                    .maxNestingDepth(16)
                                    .maxStringLength(1 << 20)
                                    .maxDocumentLength(Layout.MAX_MANIFEST)
                                    .build())
                    .build();

    /** A RAM block: name and size in bytes. */
    record Region(String name, long bytes) {}

    long pages() {
        return regions.stream().mapToLong(r -> r.bytes() / Layout.PAGE).sum();
    }

    // ---- encoding --------------------------------------------------------------------------------------------------

    byte[] encode() {
        byte[] body = body();
        ByteBuffer b =
                ByteBuffer.allocate(16 + body.length + Layout.DIGEST).order(ByteOrder.LITTLE_ENDIAN);
        b.put(Layout.MAGIC).putInt(Layout.VERSION).putInt(body.length).put(body);
        MessageDigest sha = Digests.sha256();
        sha.update(b.array(), 0, b.position());
        return b.put(sha.digest()).array();
    }

    private byte[] body() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (CBORGenerator g = CBOR.createGenerator(out)) {
            g.writeStartObject();
            g.writeNumberField("createdMillis", created.toEpochMilli());
            g.writeObjectFieldStart("machine");
            g.writeStringField("name", config.name());
            g.writeNumberField("ramBytes", config.ramBytes());
            g.writeNumberField("vcpus", config.vcpus());
            g.writeStringField("engine", config.engine());
            g.writeStringField("faultStyle", config.faultStyle());
            g.writeArrayFieldStart("devices");
            for (String d : config.devices()) {
                g.writeString(d);
            }
            g.writeEndArray();
            g.writeEndObject();
            g.writeArrayFieldStart("regions");
            for (Region r : regions) {
                g.writeStartObject();
                g.writeStringField("name", r.name());
                g.writeNumberField("bytes", r.bytes());
                g.writeEndObject();
            }
            g.writeEndArray();
            g.writeNumberField("zeroPages", zeroPages);
            g.writeNumberField("dataBytes", dataBytes);
            g.writeBinaryField("indexDigest", indexDigest);
            g.writeArrayFieldStart("state");
            for (StateSection s : state) {
                writeSection(g, s);
            }
            g.writeEndArray();
            g.writeEndObject();
        } catch (IOException e) {
            throw new IllegalStateException("encoding to memory failed", e);
        }
        return out.toByteArray();
    }

    private static void writeSection(CBORGenerator g, StateSection s) throws IOException {
        g.writeStartObject();
        g.writeStringField("id", s.id());
        g.writeNumberField("version", s.version());
        g.writeObjectFieldStart("values");
        for (Map.Entry<String, Object> e : s.values().entrySet()) {
            switch (e.getValue()) {
                case Long l -> g.writeNumberField(e.getKey(), l);
                case String t -> g.writeStringField(e.getKey(), t);
                case byte[] b -> g.writeBinaryField(e.getKey(), b);
                default -> throw new IllegalStateException("value of " + e.getKey());
            }
        }
        g.writeEndObject();
        g.writeEndObject();
    }

    // ---- decoding --------------------------------------------------------------------------------------------------

    static Manifest decode(byte[] file, Path dir) throws SnapshotException {
        int head = 16;
        if (file.length < 8
                || !Arrays.equals(file, 0, 8, Layout.MAGIC, 0, 8)) {
            throw new SnapshotException(
                    file.length < 8 ? Kind.TRUNCATED : Kind.FOREIGN,
                    dir + " is not a Faultline snapshot: its manifest does not start with the snapshot magic");
        }
        if (file.length < head + Layout.DIGEST) {
            throw truncated(dir, file.length, head + Layout.DIGEST);
        }
        ByteBuffer b = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int version = b.getInt(8);
        if (version != Layout.VERSION) {
            throw new SnapshotException(
                    version > Layout.VERSION ? Kind.NEWER : Kind.CORRUPT,
                    "snapshot %s has format version %d; this program reads version %d"
                            .formatted(dir, version, Layout.VERSION));
        }
        int n = b.getInt(12);
        if (n < 0 || n > Layout.MAX_MANIFEST) {
            throw corrupt(dir, "manifest length " + Integer.toUnsignedLong(n) + " is out of range", null);
        }
        if (file.length != head + n + Layout.DIGEST) {
            throw truncated(dir, file.length, head + n + Layout.DIGEST);
        }
        MessageDigest sha = Digests.sha256();
        sha.update(file, 0, head + n);
        if (!Arrays.equals(sha.digest(), Arrays.copyOfRange(file, head + n, file.length))) {
            throw corrupt(dir, "the manifest's SHA-256 does not match", null);
        }
        try {
            return fromMap(new Reader(CBOR.createParser(file, head, n)).document(), dir);
        } catch (IOException | RuntimeException e) {
            throw corrupt(dir, "the manifest cannot be decoded: " + e.getMessage(), e);
        }
    }

    private static Manifest fromMap(Map<String, Object> m, Path dir) throws SnapshotException {
        Map<String, Object> c = map(m, "machine");
        List<String> devices = new ArrayList<>();
        for (Object d : list(c, "devices")) {
            devices.add((String) d);
        }
        MachineConfig config =
                new MachineConfig(
                        (String) c.get("name"),
                        number(c, "ramBytes"),
                        Math.toIntExact(number(c, "vcpus")),
                        (String) c.get("engine"),
                        (String) c.get("faultStyle"),
                        devices);
        List<Region> regions = new ArrayList<>();
        long pages = 0;
        for (Object o : list(m, "regions")) {
            Map<String, Object> r = cast(o);
            long bytes = number(r, "bytes");
            if (bytes <= 0 || bytes % Layout.PAGE != 0 || bytes > 1L << 46) {
                throw corrupt(dir, "region size 0x" + Long.toHexString(bytes), null);
            }
            pages = Math.addExact(pages, bytes / Layout.PAGE);
            regions.add(new Region((String) r.get("name"), bytes));
        }
        List<StateSection> state = new ArrayList<>();
        for (Object o : list(m, "state")) {
            Map<String, Object> s = cast(o);
            StateSection section =
                    new StateSection((String) s.get("id"), Math.toIntExact(number(s, "version")));
            map(s, "values").forEach(section::putRaw);
            state.add(section);
        }
        long zero = number(m, "zeroPages");
        long data = number(m, "dataBytes");
        if (zero < 0 || zero > pages || data != (pages - zero) * Layout.PAGE) {
            throw corrupt(dir, "page counts do not add up", null);
        }
        return new Manifest(
                Instant.ofEpochMilli(number(m, "createdMillis")),
                config,
                regions,
                zero,
                data,
                (byte[]) m.get("indexDigest"),
                state);
    }

    private static SnapshotException truncated(Path dir, long is, long want) {
        return new SnapshotException(
                Kind.TRUNCATED,
                "snapshot %s is truncated: its manifest has %d bytes, expected %d"
                        .formatted(dir, is, want));
    }

    static SnapshotException corrupt(Path dir, String what, Throwable cause) {
        return new SnapshotException(
                Kind.CORRUPT, "snapshot " + dir + " is corrupt: " + what, cause);
    }

    private static long number(Map<String, Object> m, String key) {
        if (m.get(key) instanceof Long l) {
            return l;
        }
        throw new IllegalArgumentException(key + " is not a number");
    }

    private static Map<String, Object> map(Map<String, Object> m, String key) {
        return cast(m.get(key));
    }

    private static List<?> list(Map<String, Object> m, String key) {
        if (m.get(key) instanceof List<?> l) {
            return l;
        }
        throw new IllegalArgumentException(key + " is not a list");
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> cast(Object o) {
        if (o instanceof Map<?, ?> m) {
            return (Map<String, Object>) m;
        }
        throw new IllegalArgumentException("a map was expected");
    }

    /** CBOR to maps, lists, longs, strings and byte arrays. */
    private record Reader(CBORParser p) {
        Map<String, Object> document() throws IOException {
            try (p) {
                p.nextToken();
                return cast(value());
            }
        }

        private Object value() throws IOException {
            return switch (p.currentToken()) {
                case START_OBJECT -> {
                    Map<String, Object> m = new HashMap<>();
                    while (p.nextToken() == JsonToken.FIELD_NAME) {
                        String key = p.currentName();
                        p.nextToken();
                        m.put(key, value());
                    }
                    yield m;
                }
                case START_ARRAY -> {
                    List<Object> l = new ArrayList<>();
                    while (p.nextToken() != JsonToken.END_ARRAY) {
                        l.add(value());
                    }
                    yield l;
                }
                case VALUE_NUMBER_INT -> p.getLongValue();
                case VALUE_STRING -> p.getText();
                case VALUE_EMBEDDED_OBJECT -> p.getBinaryValue();
                case null, default -> throw new IOException("unexpected " + p.currentToken());
            };
        }
    }
}
