// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import dev.faultline.api.device.StateSection;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.vm.MachineConfig;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The description of a snapshot. On disk: magic, u32 version, u32 n, n bytes of canonical CBOR (the
 * body), u32 CRC32C of all before, SHA-256 of the body, which is the snapshot's id. Little endian.
 *
 * @param required features without which the pages cannot be read
 * @param parent where SAME-AS-PARENT pages are, or null
 * @param regions RAM blocks; their pages are numbered through in this order
 * @param formerly ids that this snapshot had before compactions; machine, memory and state are the
 *     same
 * @param layouts for each of {@code formerly} what its manifest said of files, so that {@link
 *     #wasOnce} can prove it; perhaps fewer
 * @param hashes of the content, or null in a snapshot that has none
 * @param raw all keys as they were read, also those that this program does not know; null: was not
 *     read
 * @param readId the id of what was read; null: was not read, or is to be written with other files
 */
public record Manifest(
        Instant created,
        MachineConfig config,
        List<String> required,
        @Nullable Parent parent,
        List<Region> regions,
        Counts counts,
        Index index,
        List<Pack> packs,
        List<byte[]> formerly,
        List<Map<String, Object>> layouts,
        List<StateSection> state,
        @Nullable Hashes hashes,
        @Nullable Map<String, Object> raw,
        byte @Nullable [] readId) {
    public static final String PARENT_FEATURE = "parent";

    /** Tables of the index may be stored as LZ4 blocks. */
    public static final String TABLES_FEATURE = "packed-tables";

    /** What says where pages are stored; all else says what the machine is. */
    static final Set<String> FILES =
            Set.of("required", "parent", "pages", "index", "packs", "hashes");

    static final String FORMERLY = "formerly";
    static final String LAYOUTS = "layouts";

    /**
     * Entries of {@code formerly} of one id that are looked at; there is one, in a good snapshot.
     */
    private static final int MOST_PROOFS = 4;

    /** A RAM block: name and size in bytes. */
    public record Region(String name, long bytes) {}

    /**
     * @param path of the parent's directory, relative to the directory that holds this snapshot's;
     *     a hint
     * @param root the parent's content root; null if it has none
     */
    public record Parent(byte[] id, String path, byte @Nullable [] root) {}

    /** How many pages are of which kind. */
    public record Counts(long zero, long parent, long fill, long chunk) {}

    /**
     * @param tables offset of the section tables, which end the file
     * @param digests SHA-256 of each table as it is stored, one after the other
     * @param tableBytes stored bytes of each table, u16 little endian; empty: none is packed
     */
    public record Index(String name, long bytes, long tables, byte[] digests, byte[] tableBytes) {
        /** Stored bytes of a table that has {@code plain}. */
        public int stored(int table, int plain) {
            return tableBytes.length == 0
                    ? plain
                    : tableBytes[2 * table] & 0xFF | (tableBytes[2 * table + 1] & 0xFF) << 8;
        }

        /** Offset of a table in the file. */
        public long tableAt(int table) {
            long at = tables;
            for (int t = 0; t < table; t++) {
                at += stored(t, Layout.TABLE * Layout.TABLE_ENTRY);
            }
            return at;
        }
    }

    /** A file of chunks. */
    public record Pack(String name, long bytes) {}

    /**
     * What the pages hold, by {@link ContentHash}.
     *
     * @param tables hash of each table, one after the other
     * @param offsets of each table in the file, u64 little endian; 0: it is all zero or the
     *     parent's
     */
    public record Hashes(byte[] root, String name, long bytes, byte[] tables, byte[] offsets) {
        public long at(int table) {
            return ByteBuffer.wrap(offsets).order(ByteOrder.LITTLE_ENDIAN).getLong(8 * table);
        }
    }

    /** One to be written. */
    public Manifest(
            Instant created,
            MachineConfig config,
            List<String> required,
            @Nullable Parent parent,
            List<Region> regions,
            Counts counts,
            Index index,
            List<Pack> packs,
            List<byte[]> formerly,
            List<StateSection> state,
            @Nullable Hashes hashes) {
        this(
                created, config, required, parent, regions, counts, index, packs, formerly,
                List.of(), state, hashes, null, null);
    }

    /** The same machine, memory and state in other files, without a parent. Of what was read. */
    public Manifest compacted(
            List<String> needs,
            Counts count,
            Index newIndex,
            List<Pack> newPacks,
            @Nullable Hashes fresh) {
        Map<String, Object> was = Objects.requireNonNull(raw, "only what was read is compacted");
        List<byte[]> ids = new ArrayList<>(formerly);
        List<Map<String, Object>> before = new ArrayList<>(layouts);
        while (before.size() < ids.size()) {
            before.add(Map.of()); // of a program that kept none
        }
        ids.add(id());
        Map<String, Object> files = new TreeMap<>(was);
        files.keySet().retainAll(FILES);
        before.add(files);
        return new Manifest(
                created, config, needs, null, regions, count, newIndex, newPacks, ids, before,
                state, fresh, was, null);
    }

    public long pages() {
        return regions.stream().mapToLong(r -> r.bytes() / Layout.PAGE).sum();
    }

    /** SHA-256 of the body. */
    public byte[] id() {
        return readId == null ? Digests.sha256().digest(body()) : readId.clone();
    }

    public static String hex(byte[] id) {
        return HexFormat.of().formatHex(id);
    }

    /** What its pages were packed with, as far as that can be seen. */
    public Codec codec() {
        return required.contains("zstd")
                ? Codec.ZSTD
                : required.contains("lz4") || required.contains(TABLES_FEATURE)
                        ? Codec.LZ4
                        : Codec.RAW;
    }

    public boolean is(byte[] id) {
        return Arrays.equals(id, id());
    }

    /**
     * Whether {@code id} is that of the same machine, memory and state before a compaction: with
     * what that manifest said of files put in place of what this one says, it has that id. So it is
     * proved, whoever made this manifest; its pages are those of {@link Hashes#root}, against which
     * they are to be checked.
     */
    public boolean wasOnce(byte[] id) {
        Map<String, Object> keys = raw;
        if (hashes == null || keys == null || parent != null) {
            return false;
        }
        int looked = 0;
        for (int i = 0; i < Math.min(formerly.size(), layouts.size()); i++) {
            if (Arrays.equals(formerly.get(i), id)
                    && looked++ < MOST_PROOFS
                    && (isBefore(keys, i, id, true) || isBefore(keys, i, id, false))) {
                return true;
            }
        }
        return false;
    }

    private boolean isBefore(Map<String, Object> keys, int i, byte[] id, boolean withLayouts) {
        Map<String, Object> then = new TreeMap<>(keys);
        then.keySet().removeAll(FILES);
        then.remove(LAYOUTS);
        then.putAll(layouts.get(i));
        then.put(FORMERLY, formerly.subList(0, i));
        if (i > 0 && withLayouts) {
            then.put(LAYOUTS, layouts.subList(0, i));
        }
        return Arrays.equals(Digests.sha256().digest(Cbor.encode(then)), id);
    }

    /** Whether {@code id} names this snapshot's memory, now or, as can be proved, formerly. */
    public boolean answersTo(byte[] id) {
        return is(id) || wasOnce(id);
    }

    /** Whether it says that it had this id, truly or not. */
    public boolean claims(byte[] id) {
        return is(id) || formerly.stream().anyMatch(f -> Arrays.equals(f, id));
    }

    /** Whether both are of the same memory: one is the other, or a compaction of it. */
    public boolean sameMemory(Manifest other) {
        return answersTo(other.id()) || other.answersTo(id());
    }

    // ---- encoding

    public byte[] encode() {
        byte[] body = body();
        ByteBuffer b =
                ByteBuffer.allocate(Layout.HEAD + body.length + 4 + Layout.DIGEST)
                        .order(ByteOrder.LITTLE_ENDIAN);
        b.put(Layout.MAGIC).putInt(Layout.VERSION).putInt(body.length).put(body);
        b.putInt(Digests.crc32c(b.array(), 0, b.position()));
        return b.put(Digests.sha256().digest(body)).array();
    }

    private byte[] body() {
        Map<String, Object> m = new TreeMap<>();
        if (raw == null) {
            content(m);
        } else {
            m.putAll(raw);
            m.keySet().removeAll(FILES);
            m.remove(LAYOUTS);
        }
        if (hashes != null) {
            m.put("root", hashes.root());
        }
        files(m);
        m.put(FORMERLY, formerly);
        if (!layouts.isEmpty()) {
            m.put(LAYOUTS, layouts);
        }
        return Cbor.encode(m);
    }

    private void content(Map<String, Object> m) {
        m.put("created", created.toEpochMilli());
        m.put(
                "machine",
                Map.of(
                        "name", config.name(),
                        "ramBytes", config.ramBytes(),
                        "vcpus", config.vcpus(),
                        "engine", config.engine(),
                        "faultStyle", config.faultStyle(),
                        "devices", config.devices()));
        m.put("optional", List.of());
        m.put(
                "regions",
                regions.stream().map(r -> Map.of("name", r.name(), "bytes", r.bytes())).toList());
        m.put("state", state.stream().map(Manifest::section).toList());
    }

    private void files(Map<String, Object> m) {
        m.put("required", required);
        if (parent != null) {
            Map<String, Object> p = new TreeMap<>();
            p.put("id", parent.id());
            p.put("path", parent.path());
            if (parent.root() != null) {
                p.put("root", parent.root());
            }
            m.put("parent", p);
        }
        m.put(
                "pages",
                Map.of(
                        "zero", counts.zero(),
                        "parent", counts.parent(),
                        "fill", counts.fill(),
                        "chunk", counts.chunk()));
        Map<String, Object> x = new TreeMap<>();
        x.put("name", index.name());
        x.put("bytes", index.bytes());
        x.put("tables", index.tables());
        x.put("digests", index.digests());
        if (index.tableBytes().length > 0) {
            x.put("tableBytes", index.tableBytes());
        }
        m.put("index", x);
        m.put(
                "packs",
                packs.stream().map(p -> Map.of("name", p.name(), "bytes", p.bytes())).toList());
        if (hashes != null) {
            Map<String, Object> h = new TreeMap<>();
            h.put("name", hashes.name());
            h.put("bytes", hashes.bytes());
            h.put("tables", hashes.tables());
            h.put("at", hashes.offsets());
            m.put("hashes", h);
        }
    }

    private static Map<String, Object> section(StateSection s) {
        Map<String, Object> m = new TreeMap<>();
        m.put("id", s.id());
        m.put("version", s.version());
        m.put("values", s.values());
        if (s.optional()) {
            m.put("optional", 1);
        }
        return m;
    }

    // ---- decoding

    public static Manifest read(Origin origin) throws SnapshotException {
        long n = origin.length(Layout.MANIFEST);
        if (n > Layout.MAX_MANIFEST + Layout.HEAD + 4 + Layout.DIGEST) {
            throw new SnapshotException(
                    Kind.FOREIGN,
                    "the manifest of %s has %d bytes, far more than a snapshot's"
                            .formatted(origin, n));
        }
        byte[] file = new byte[(int) n];
        origin.read(Layout.MANIFEST, 0, file, 0, file.length);
        return decode(file, origin.toString());
    }

    static Manifest decode(byte[] file, String where) throws SnapshotException {
        if (file.length < 8 || !Arrays.equals(file, 0, 8, Layout.MAGIC, 0, 8)) {
            throw new SnapshotException(
                    file.length < 8 ? Kind.TRUNCATED : Kind.FOREIGN,
                    where
                            + " is not a Faultline snapshot: its manifest does not start with the snapshot magic");
        }
        if (file.length < Layout.HEAD + 4 + Layout.DIGEST) {
            throw truncated(where, file.length, Layout.HEAD + 4 + Layout.DIGEST);
        }
        ByteBuffer b = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        checkVersion(b.getInt(8), where);
        int n = b.getInt(12);
        if (n < 0 || n > Layout.MAX_MANIFEST) {
            throw corrupt(
                    where, "manifest length " + Integer.toUnsignedLong(n) + " is out of range");
        }
        int end = Layout.HEAD + n;
        if (file.length != end + 4 + Layout.DIGEST) {
            throw truncated(where, file.length, end + 4 + Layout.DIGEST);
        }
        if (b.getInt(end) != Digests.crc32c(file, 0, end)) {
            throw corrupt(where, "the manifest's checksum does not match");
        }
        byte[] id = Digests.sha256().digest(Arrays.copyOfRange(file, Layout.HEAD, end));
        if (!Arrays.equals(id, Arrays.copyOfRange(file, end + 4, file.length))) {
            throw corrupt(where, "the manifest's SHA-256 does not match");
        }
        try {
            return ManifestBody.of(new Fields(Cbor.decode(file, Layout.HEAD, n)), id, where);
        } catch (RuntimeException e) {
            throw corrupt(where, "the manifest cannot be decoded: " + e.getMessage(), e);
        }
    }

    private static void checkVersion(int version, String where) throws SnapshotException {
        if (version == Layout.VERSION) {
            return;
        }
        boolean older = version > 0 && version < Layout.VERSION;
        throw new SnapshotException(
                older ? Kind.OLDER : Kind.NEWER,
                "snapshot %s has the %s format version %d; this program reads version %d%s"
                        .formatted(
                                where,
                                older ? "older" : "newer",
                                Integer.toUnsignedLong(version),
                                Layout.VERSION,
                                older ? ": save it again" : ""));
    }

    /** Bytes of a table that is not packed. */
    static int plainTable(int table, long sections) {
        return (int) Math.min(Layout.TABLE, sections - (long) table * Layout.TABLE)
                * Layout.TABLE_ENTRY;
    }

    private static SnapshotException truncated(String where, long is, long want) {
        return new SnapshotException(
                is < want ? Kind.TRUNCATED : Kind.CORRUPT,
                "snapshot %s is %s: its manifest has %d bytes, expected %d"
                        .formatted(where, is < want ? "truncated" : "corrupt", is, want));
    }

    public static SnapshotException corrupt(String where, String what) {
        return new SnapshotException(Kind.CORRUPT, "snapshot " + where + " is corrupt: " + what);
    }

    public static SnapshotException corrupt(String where, String what, Throwable cause) {
        return new SnapshotException(
                Kind.CORRUPT, "snapshot " + where + " is corrupt: " + what, cause);
    }
}
