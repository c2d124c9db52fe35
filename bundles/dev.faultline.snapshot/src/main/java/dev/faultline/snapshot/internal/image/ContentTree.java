// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.format.ContentHash;
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
 * The {@link ContentHash}es of an image, read from its file {@code hashes-N} when first wanted and
 * verified from the content root down. A restore by the snapshot's own id does not need them: who
 * does is a save that refers to this image, and whoever opens it by an id that it had before a
 * compaction. Thread-safe.
 */
public final class ContentTree {
    private final Image image;
    private final Manifest.Hashes hashes;
    private final long pages;
    private final AtomicReferenceArray<@Nullable SoftReference<byte[]>> tables;
    private final AtomicReferenceArray<@Nullable SoftReference<byte[]>> leaves;

    ContentTree(Image image, Manifest.Hashes hashes, long pages) {
        this.image = image;
        this.hashes = hashes;
        this.pages = pages;
        int sections = image.sections();
        this.tables = new AtomicReferenceArray<>((sections + Layout.TABLE - 1) / Layout.TABLE);
        this.leaves = new AtomicReferenceArray<>(sections);
    }

    private SnapshotException bad(String what) {
        return image.corrupt(hashes.name() + ": " + what);
    }

    private static byte @Nullable [] kept(
            AtomicReferenceArray<@Nullable SoftReference<byte[]>> of, int i) {
        SoftReference<byte[]> r = of.get(i);
        return r == null ? null : r.get();
    }

    private int pagesOfSection(int s) {
        return (int) Math.min(Layout.SECTION, pages - (long) s * Layout.SECTION);
    }

    /** The hash of a table. */
    byte[] table(int t) {
        return ContentHash.get(hashes.tables(), t);
    }

    /** The hashes of a table's sections, one after the other. Not to be changed. */
    private byte[] sections(int t) throws SnapshotException {
        byte[] b = kept(tables, t);
        if (b != null) {
            return b;
        }
        int n = ContentHash.pagesOf(t, pages);
        byte[] want = table(t);
        if (Arrays.equals(want, ContentHash.zeroTable(n))) {
            b = ContentHash.zeroSections(n);
        } else if (hashes.at(t) == 0) {
            b = parent().sections(t);
        } else {
            b = new byte[ContentHash.sections(n) * Layout.DIGEST];
            image.read(hashes.name(), hashes.at(t), b, b.length);
        }
        if (!Arrays.equals(Digests.sha256().digest(b), want)) {
            throw bad("table " + t + " does not match the content root");
        }
        tables.set(t, new SoftReference<>(b));
        return b;
    }

    private ContentTree parent() throws SnapshotException {
        ContentTree p = image.manifest().parent() == null ? null : image.parent().tree();
        if (p == null) {
            throw bad("it refers to hashes that its parent does not have");
        }
        return p;
    }

    /** The hash of a section. */
    byte[] section(int s) throws SnapshotException {
        return ContentHash.get(sections(s / Layout.TABLE), s % Layout.TABLE);
    }

    /** The hashes of a section's pages, one after the other. Not to be changed. */
    byte[] leaves(int s) throws SnapshotException {
        byte[] b = kept(leaves, s);
        if (b != null) {
            return b;
        }
        int n = pagesOfSection(s);
        byte[] want = section(s);
        if (Arrays.equals(want, ContentHash.zeroSection(n))) {
            b = ContentHash.zeroLeaves(n);
        } else if (hashes.at(s / Layout.TABLE) == 0 || image.sectionKind(s) == Layout.PARENT) {
            b = parent().leaves(s);
        } else {
            b = image.sectionKind(s) == Layout.ZERO ? new byte[0] : assembled(s, n);
        }
        if (!Arrays.equals(Digests.sha256().digest(b), want)) {
            throw bad("section " + s + " does not match the content root");
        }
        leaves.set(s, new SoftReference<>(b));
        return b;
    }

    /** Stored are those of pages that are stored; the others are known otherwise. */
    private byte[] assembled(int s, int n) throws SnapshotException {
        Section x = image.section(s);
        byte[] stored = stored(s, n);
        byte[] all = new byte[n * Layout.DIGEST];
        byte[] above = null;
        int next = 0;
        for (int p = 0; p < n; p++) {
            byte[] from = stored;
            int at = 0;
            switch (x.kind(p)) {
                case Layout.ZERO -> from = ContentHash.ZERO_PAGE;
                case Layout.FILL -> from = ContentHash.filled(x.pattern(p));
                case Layout.PARENT -> {
                    above = above == null ? parent().leaves(s) : above;
                    from = above;
                    at = p * Layout.DIGEST;
                }
                default -> {
                    at = next++ * Layout.DIGEST;
                    if (at >= stored.length) {
                        throw bad("section " + s + " has too few hashes");
                    }
                }
            }
            System.arraycopy(from, at, all, p * Layout.DIGEST, Layout.DIGEST);
        }
        return all;
    }

    private byte[] stored(int s, int n) throws SnapshotException {
        int t = s / Layout.TABLE;
        int count = ContentHash.sections(ContentHash.pagesOf(t, pages));
        byte[] b = new byte[2 * count];
        long at = hashes.at(t) + (long) count * Layout.DIGEST;
        if (at > hashes.bytes() - b.length) {
            throw bad("table " + t + " ends behind the file");
        }
        image.read(hashes.name(), at, b, b.length);
        ByteBuffer counts = ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN);
        at += b.length;
        for (int i = 0; i < s % Layout.TABLE; i++) {
            at += (long) (counts.getShort(2 * i) & 0xFFFF) * Layout.DIGEST;
        }
        int mine = counts.getShort(2 * (s % Layout.TABLE)) & 0xFFFF;
        if (mine > n || at > hashes.bytes() - (long) mine * Layout.DIGEST) {
            throw bad("section %d has %d hashes at 0x%x".formatted(s, mine, at));
        }
        byte[] hs = new byte[mine * Layout.DIGEST];
        image.read(hashes.name(), at, hs, hs.length);
        return hs;
    }

    /**
     * Checks all pages of a section.
     *
     * @param content of page i at i * 4096; null: all zero
     */
    public void check(int s, byte @Nullable [] content) throws SnapshotException {
        int n = pagesOfSection(s);
        if (content == null) {
            if (!Arrays.equals(section(s), ContentHash.zeroSection(n))) {
                throw bad("section " + s + " is zero, but not by the content root");
            }
            return;
        }
        byte[] want = leaves(s);
        var sha = Digests.sha256();
        for (int p = 0; p < n; p++) {
            sha.update(content, p * Layout.PAGE, Layout.PAGE);
            if (!ContentHash.is(want, p, sha.digest())) {
                throw wrong(s * Layout.SECTION + p);
            }
        }
    }

    private SnapshotException wrong(int page) {
        return image.corrupt(
                "page %d is not what the content root says; the guest has not seen it"
                        .formatted(page));
    }

    /** Checks pages of one section that were read in whatever way. */
    public void check(Fetched f) throws SnapshotException {
        if (f.count() == 0) {
            return;
        }
        int s = f.page(0) / Layout.SECTION;
        byte[] want = leaves(s);
        var sha = Digests.sha256();
        for (int i = 0; i < f.count(); i++) {
            byte[] is = ContentHash.ZERO_PAGE;
            if (!f.isZero(i)) {
                sha.update(f.content(), f.offset(i), Layout.PAGE);
                is = sha.digest();
            }
            if (!ContentHash.is(want, f.page(i) % Layout.SECTION, is)) {
                throw wrong(f.page(i));
            }
        }
    }
}
