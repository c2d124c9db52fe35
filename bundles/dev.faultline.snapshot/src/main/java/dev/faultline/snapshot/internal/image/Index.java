// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.format.Codec;
import dev.faultline.snapshot.internal.format.Digests;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.Section;
import java.lang.ref.SoftReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The index of an image: tables of sections and the sections' blocks, read when first wanted and
 * verified from the manifest down. Thread-safe.
 */
final class Index {
    private final Image image;
    private final Manifest manifest;
    private final int pages;
    private final AtomicReferenceArray<@Nullable SoftReference<byte[]>> tables;
    private final AtomicReferenceArray<@Nullable SoftReference<Section>> sections;

    Index(Image image, Manifest manifest) {
        this.image = image;
        this.manifest = manifest;
        this.pages = (int) manifest.pages();
        int s = (pages + Layout.SECTION - 1) / Layout.SECTION;
        this.sections = new AtomicReferenceArray<>(s);
        this.tables = new AtomicReferenceArray<>((s + Layout.TABLE - 1) / Layout.TABLE);
    }

    /** Number of sections. */
    int size() {
        return sections.length();
    }

    /** ZERO, PARENT or BLOCK. */
    int sectionKind(int section) throws SnapshotException {
        return table(section / Layout.TABLE)[section % Layout.TABLE * Layout.TABLE_ENTRY];
    }

    private byte[] table(int t) throws SnapshotException {
        SoftReference<byte[]> r = tables.get(t);
        byte[] b = r == null ? null : r.get();
        if (b != null) {
            return b;
        }
        int entries = Math.min(Layout.TABLE, sections.length() - t * Layout.TABLE);
        int plain = entries * Layout.TABLE_ENTRY;
        b = new byte[manifest.index().stored(t, plain)];
        image.read(manifest.index().name(), manifest.index().tableAt(t), b, b.length);
        byte[] want =
                Arrays.copyOfRange(
                        manifest.index().digests(), t * Layout.DIGEST, (t + 1) * Layout.DIGEST);
        if (!Arrays.equals(Digests.sha256().digest(b), want)) {
            throw badIndex("table " + t + " does not match its SHA-256");
        }
        if (b.length < plain) {
            byte[] packed = b;
            b = new byte[plain];
            if (!new Codec.Unpacker().unpack(Codec.LZ4, packed, 0, packed.length, b, plain)) {
                throw badIndex("table " + t + " cannot be unpacked");
            }
        }
        for (int i = 0; i < entries; i++) {
            int kind = b[i * Layout.TABLE_ENTRY];
            if (kind < 0
                    || kind > Layout.BLOCK
                    || kind == Layout.PARENT && manifest.parent() == null) {
                throw badIndex("section " + (t * Layout.TABLE + i) + " has kind " + kind);
            }
        }
        tables.set(t, new SoftReference<>(b));
        return b;
    }

    private SnapshotException badIndex(String what) {
        return image.corrupt(manifest.index().name() + ": " + what);
    }

    /** The block of a section of kind BLOCK. */
    Section section(int s) throws SnapshotException {
        SoftReference<Section> r = sections.get(s);
        Section x = r == null ? null : r.get();
        if (x != null) {
            return x;
        }
        Entry e = entry(s);
        // The blocks that follow come with it where that costs little.
        int last = s;
        long end = e.at + e.length;
        while (last + 1 < Math.min(sections.length(), (s / Layout.TABLE + 1) * Layout.TABLE)
                && sectionKind(last + 1) == Layout.BLOCK
                && !isHere(last + 1)
                && entry(last + 1).at == end
                && end + entry(last + 1).length - e.at <= image.origin().worthwhileGap()) {
            end += entry(++last).length;
        }
        byte[] b = new byte[(int) (end - e.at)];
        image.read(manifest.index().name(), e.at, b, b.length);
        x = keep(s, e, b, 0);
        for (int next = s + 1; next <= last; next++) {
            Entry n = entry(next);
            if (matches(n, b, (int) (n.at - e.at))) {
                keep(next, n, b, (int) (n.at - e.at)); // else it is read again when wanted
            }
        }
        return x;
    }

    private boolean isHere(int s) {
        SoftReference<Section> r = sections.get(s);
        return r != null && r.get() != null;
    }

    /** Where a section's block is, and its SHA-256. */
    private record Entry(long at, int length, Codec codec, int unpacked, byte[] digest) {}

    private Entry entry(int s) throws SnapshotException {
        ByteBuffer e =
                ByteBuffer.wrap(table(s / Layout.TABLE))
                        .slice(s % Layout.TABLE * Layout.TABLE_ENTRY, Layout.TABLE_ENTRY)
                        .order(ByteOrder.LITTLE_ENDIAN);
        long length = e.getInt(4) & 0xFFFF_FFFFL;
        long at = e.getLong(8);
        if (length > Section.MAX_SIZE
                || at < Layout.HEAD
                || at > manifest.index().tables() - length) {
            throw badIndex("section %d lies at 0x%x, %d bytes".formatted(s, at, length));
        }
        byte[] digest = new byte[Layout.DIGEST];
        e.get(16, digest);
        int packing = e.get(1);
        int unpacked = e.getShort(2) & 0xFFFF;
        boolean asItIs = packing == Codec.RAW.ordinal() && unpacked == 0;
        if (!asItIs && (packing != Codec.LZ4.ordinal() || unpacked > Section.MAX_SIZE)) {
            throw badIndex(
                    "section %d is packed in way %d, to %d bytes".formatted(s, packing, unpacked));
        }
        return asItIs
                ? new Entry(at, (int) length, Codec.RAW, (int) length, digest)
                : new Entry(at, (int) length, Codec.LZ4, unpacked, digest);
    }

    private static boolean matches(Entry e, byte[] b, int from) {
        var d = Digests.sha256();
        d.update(b, from, e.length);
        return Arrays.equals(d.digest(), e.digest);
    }

    private Section keep(int s, Entry e, byte[] b, int from) throws SnapshotException {
        if (!matches(e, b, from)) {
            throw badIndex("section " + s + " does not match its SHA-256");
        }
        try {
            int n = Math.min(Layout.SECTION, pages - s * Layout.SECTION);
            byte[] block = new byte[e.unpacked];
            if (!new Codec.Unpacker().unpack(e.codec, b, from, e.length, block, e.unpacked)) {
                throw badIndex("section " + s + " cannot be unpacked");
            }
            Section x = Section.of(block, n, manifest.packs(), manifest.parent() != null);
            sections.set(s, new SoftReference<>(x));
            return x;
        } catch (IllegalArgumentException bad) {
            throw badIndex("section " + s + ": " + bad.getMessage());
        }
    }

    /** ZERO, PARENT, FILL or CHUNK. */
    int kind(int page) throws SnapshotException {
        int s = page / Layout.SECTION;
        int k = sectionKind(s);
        return k == Layout.BLOCK ? section(s).kind(page % Layout.SECTION) : k;
    }
}
