// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.disk.Disk;
import dev.faultline.snapshot.internal.format.ContentHash;
import dev.faultline.snapshot.internal.format.Digests;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Writes the file {@code hashes-N} while an index is written, section after section, and finds the
 * content root. One thread.
 */
final class HashWriter implements AutoCloseable {
    private final String name;
    private final long pages;
    private final @Nullable ContentTree parent;
    private final Disk.Out out;
    private final ByteArrayOutputStream sections = new ByteArrayOutputStream();
    private final ByteArrayOutputStream counts = new ByteArrayOutputStream();
    private final ByteArrayOutputStream leaves = new ByteArrayOutputStream();
    private final byte[] tables;
    private final long[] at;
    private long bytes = Layout.HEAD;
    private int section;
    private boolean own; // the table has a section of its own
    private boolean other; // or one that is not the parent's

    /**
     * @param parent of pages of kind PARENT; null if there are none
     */
    HashWriter(Disk disk, Path dir, int number, long pages, @Nullable ContentTree parent)
            throws IOException {
        this.name = Layout.HASHES + number;
        this.pages = pages;
        this.parent = parent;
        int sections = Math.toIntExact((pages + Layout.SECTION - 1) / Layout.SECTION);
        int n = (sections + Layout.TABLE - 1) / Layout.TABLE;
        this.tables = new byte[n * Layout.DIGEST];
        this.at = new long[n];
        this.out = disk.create(dir.resolve(name));
        try {
            out.write(
                    ByteBuffer.allocate(Layout.HEAD)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .put(Layout.HASHES_MAGIC)
                            .putInt(Layout.VERSION)
                            .putInt(0)
                            .flip());
        } catch (IOException e) {
            out.close();
            throw e;
        }
    }

    private ContentTree parent() {
        return Objects.requireNonNull(parent, "only who has a parent writes pages of kind PARENT");
    }

    /** A section all of whose pages are of one kind, ZERO or PARENT. */
    void uniform(int kind, int n) throws IOException, SnapshotException {
        other |= kind != Layout.PARENT;
        end(kind == Layout.ZERO ? ContentHash.zeroSection(n) : parent().section(section), 0);
    }

    /**
     * A section of pages of several kinds.
     *
     * @param stored per page its hash if it is of kind CHUNK, one after the other
     */
    void section(int[] kind, long[] pattern, byte[] stored, int n)
            throws IOException, SnapshotException {
        own = true;
        byte[] all = new byte[n * Layout.DIGEST];
        byte[] above = null;
        int count = 0;
        for (int p = 0; p < n; p++) {
            int to = p * Layout.DIGEST;
            byte[] from = stored;
            int at = to;
            switch (kind[p]) {
                case Layout.ZERO -> {
                    from = ContentHash.ZERO_PAGE;
                    at = 0;
                }
                case Layout.FILL -> {
                    from = ContentHash.filled(pattern[p]);
                    at = 0;
                }
                case Layout.PARENT -> {
                    above = above == null ? parent().leaves(section) : above;
                    from = above;
                }
                default -> {
                    leaves.write(stored, at, Layout.DIGEST);
                    count++;
                }
            }
            System.arraycopy(from, at, all, to, Layout.DIGEST);
        }
        end(Digests.sha256().digest(all), count);
    }

    private void end(byte[] hash, int count) throws IOException {
        sections.write(hash, 0, Layout.DIGEST);
        counts.write(count);
        counts.write(count >> 8);
        section++;
        if (section % Layout.TABLE == 0 || (long) section * Layout.SECTION >= pages) {
            endTable();
        }
    }

    /** A table that is all zero or all the parent's needs no bytes: its hash says so. */
    private void endTable() throws IOException {
        int t = (section - 1) / Layout.TABLE;
        byte[] hash = Digests.sha256().digest(sections.toByteArray());
        System.arraycopy(hash, 0, tables, t * Layout.DIGEST, Layout.DIGEST);
        boolean zero = Arrays.equals(hash, ContentHash.zeroTable(ContentHash.pagesOf(t, pages)));
        if (own || other && !zero) {
            at[t] = bytes;
            for (ByteArrayOutputStream b : new ByteArrayOutputStream[] {sections, counts, leaves}) {
                out.write(ByteBuffer.wrap(b.toByteArray()));
                bytes += b.size();
            }
        }
        sections.reset();
        counts.reset();
        leaves.reset();
        own = false;
        other = false;
    }

    /** Forces the file. */
    void finish() throws IOException {
        out.force();
    }

    /** After {@link #finish}. */
    Manifest.Hashes hashes() {
        ByteBuffer b = ByteBuffer.allocate(8 * at.length).order(ByteOrder.LITTLE_ENDIAN);
        for (long a : at) {
            b.putLong(a);
        }
        return new Manifest.Hashes(
                ContentHash.root(pages, tables), name, bytes, tables.clone(), b.array());
    }

    @Override
    public void close() throws IOException {
        out.close();
    }
}
