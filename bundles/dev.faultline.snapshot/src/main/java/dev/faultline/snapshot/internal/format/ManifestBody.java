// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import dev.faultline.api.device.StateSection;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.PlainText;
import dev.faultline.snapshot.internal.format.Manifest.Counts;
import dev.faultline.snapshot.internal.format.Manifest.Hashes;
import dev.faultline.snapshot.internal.format.Manifest.Index;
import dev.faultline.snapshot.internal.format.Manifest.Pack;
import dev.faultline.snapshot.internal.format.Manifest.Parent;
import dev.faultline.snapshot.internal.format.Manifest.Region;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What the body of a manifest says: nothing is believed that its other parts do not bear out. */
final class ManifestBody {
    private static final Set<String> KNOWN =
            Set.of("lz4", "zstd", Manifest.PARENT_FEATURE, Manifest.TABLES_FEATURE);
    private static final Pattern FILE_NAME = Pattern.compile("(index|pack|hashes)-[0-9]{1,9}");

    private ManifestBody() {}

    /**
     * @param id of the manifest
     * @param where for messages
     * @throws RuntimeException saying what does not make sense
     */
    static Manifest of(Fields m, byte[] id, String where) throws SnapshotException {
        List<String> required = m.texts("required");
        for (String f : required) {
            if (!KNOWN.contains(f)) {
                throw new SnapshotException(
                        Kind.NEWER,
                        "snapshot %s needs the feature '%s', which this program does not have"
                                .formatted(where, f));
            }
        }
        Fields c = m.fields("machine");
        MachineConfig config =
                new MachineConfig(
                        // Whoever shows or logs them shows what a stranger wrote.
                        PlainText.line(c.text("name")),
                        c.number("ramBytes"),
                        Math.toIntExact(c.number("vcpus")),
                        PlainText.line(c.text("engine")),
                        PlainText.line(c.text("faultStyle")),
                        c.texts("devices").stream().map(PlainText::line).toList());
        List<Region> regions = regions(m);
        long pages = regions.stream().mapToLong(Region::bytes).sum() / Layout.PAGE;
        Fields k = m.fields("pages");
        Counts counts =
                new Counts(
                        k.number("zero"), k.number("parent"), k.number("fill"), k.number("chunk"));
        List<StateSection> state = new ArrayList<>();
        for (Fields s : m.list("state")) {
            state.add(section(s));
        }
        return new Manifest(
                Instant.ofEpochMilli(m.number("created")),
                config,
                required,
                parent(m),
                regions,
                counts,
                index(m.fields("index"), pages),
                packs(m),
                m.digests(Manifest.FORMERLY),
                layouts(m),
                state,
                hashes(m, pages),
                m.map(),
                id);
    }

    private static List<Region> regions(Fields m) {
        List<Region> regions = new ArrayList<>();
        long pages = 0;
        for (Fields r : m.list("regions")) {
            long bytes = r.number("bytes");
            if (bytes <= 0 || bytes % Layout.PAGE != 0 || bytes > 1L << 42) {
                throw new IllegalArgumentException("region size 0x" + Long.toHexString(bytes));
            }
            pages += bytes / Layout.PAGE;
            if (pages > 1 << 30) {
                throw new IllegalArgumentException("more than 4 TiB of pages");
            }
            regions.add(new Region(r.text("name"), bytes));
        }
        return List.copyOf(regions);
    }

    private static @Nullable Parent parent(Fields m) {
        if (!m.has("parent")) {
            return null;
        }
        Fields p = m.fields("parent");
        return new Parent(p.digest("id"), p.text("path"), p.has("root") ? p.digest("root") : null);
    }

    private static List<Map<String, Object>> layouts(Fields m) {
        List<Map<String, Object>> all = new ArrayList<>();
        if (m.has(Manifest.LAYOUTS)) {
            for (Fields f : m.list(Manifest.LAYOUTS)) {
                if (!Manifest.FILES.containsAll(f.map().keySet())) {
                    throw new IllegalArgumentException(
                            Manifest.LAYOUTS + " has keys that are not of files");
                }
                all.add(f.map());
            }
        }
        return all;
    }

    private static @Nullable Hashes hashes(Fields m, long pages) {
        if (!m.has("root")) {
            return null;
        }
        byte[] root = m.digest("root");
        Fields x = m.fields("hashes");
        Hashes h =
                new Hashes(root, fileName(x), x.number("bytes"), x.bytes("tables"), x.bytes("at"));
        long sections = (pages + Layout.SECTION - 1) / Layout.SECTION;
        long tables = (sections + Layout.TABLE - 1) / Layout.TABLE;
        if (h.tables().length != tables * Layout.DIGEST || h.offsets().length != tables * 8) {
            throw new IllegalArgumentException("the hashes are not of " + pages + " pages");
        }
        for (int t = 0; t < tables; t++) {
            long n = ContentHash.sections(ContentHash.pagesOf(t, pages)) * (Layout.DIGEST + 2L);
            long at = h.at(t);
            if (at != 0 && (at < Layout.HEAD || at > h.bytes() - n)) {
                throw new IllegalArgumentException("hashes of table " + t + " at " + at);
            }
        }
        if (!Arrays.equals(ContentHash.root(pages, h.tables()), root)) {
            throw new IllegalArgumentException("the content root is not that of the hashes");
        }
        return h;
    }

    private static Index index(Fields x, long pages) {
        long sections = (pages + Layout.SECTION - 1) / Layout.SECTION;
        long tables = (sections + Layout.TABLE - 1) / Layout.TABLE;
        Index index =
                new Index(
                        fileName(x),
                        x.number("bytes"),
                        x.number("tables"),
                        x.bytes("digests"),
                        x.has("tableBytes") ? x.bytes("tableBytes") : new byte[0]);
        int lengths = index.tableBytes().length;
        if (index.digests().length != tables * Layout.DIGEST
                || lengths != 0 && lengths != 2 * tables
                || index.tables() < Layout.HEAD
                || index.tables() > index.bytes()
                || index.bytes() - index.tables() != storedTables(index, sections)) {
            throw new IllegalArgumentException("the index does not have " + pages + " pages");
        }
        return index;
    }

    private static long storedTables(Index index, long sections) {
        long n = 0;
        for (int t = 0; (long) t * Layout.TABLE < sections; t++) {
            int plain = Manifest.plainTable(t, sections);
            int stored = index.stored(t, plain);
            if (stored == 0 || stored > plain) {
                throw new IllegalArgumentException("table %d of %d bytes".formatted(t, stored));
            }
            n += stored;
        }
        return n;
    }

    private static List<Pack> packs(Fields m) {
        List<Pack> packs = new ArrayList<>();
        for (Fields p : m.list("packs")) {
            Pack pack = new Pack(fileName(p), p.number("bytes"));
            if (pack.bytes() < Layout.HEAD || packs.size() == 0xFFFF) {
                throw new IllegalArgumentException("pack " + pack);
            }
            packs.add(pack);
        }
        return packs;
    }

    private static String fileName(Fields f) {
        String name = f.text("name");
        if (!FILE_NAME.matcher(name).matches()) {
            throw new IllegalArgumentException("file name '" + name + "'");
        }
        return name;
    }

    private static StateSection section(Fields m) {
        boolean optional = m.has("optional");
        if (optional && m.number("optional") != 1) {
            throw new IllegalArgumentException("optional is not 1");
        }
        StateSection s =
                new StateSection(m.text("id"), Math.toIntExact(m.number("version")), optional);
        m.fields("values").map().forEach(s::putRaw);
        return s;
    }
}
