// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/** pages.idx and pages.dat of an open snapshot. Reading is thread-safe. */
final class PageIndex implements AutoCloseable {
    private final Path dir;
    private final ByteBuffer entries;
    private final FileChannel data;
    private final int pages;

    private PageIndex(Path dir, ByteBuffer entries, FileChannel data) {
        this.dir = dir;
        this.entries = entries;
        this.data = data;
        this.pages = entries.capacity() / Layout.ENTRY;
    }

    static PageIndex open(Path dir, Manifest m) throws SnapshotException {
        long want = Math.multiplyExact(m.pages(), Layout.ENTRY);
        if (want > Integer.MAX_VALUE - 16) {
            throw new SnapshotException(
                    Kind.MISMATCH,
                    "snapshot %s describes %d pages, more than this format version can hold"
                            .formatted(dir, m.pages()));
        }
        Path index = dir.resolve(Layout.INDEX);
        Path pages = dir.resolve(Layout.DATA);
        try {
            checkSize(index, want);
            checkSize(pages, m.dataBytes());
            byte[] b = Files.readAllBytes(index);
            if (!Arrays.equals(Digests.sha256().digest(b), m.indexDigest())) {
                throw Manifest.corrupt(dir, "the SHA-256 of " + Layout.INDEX + " does not match", null);
            }
            ByteBuffer e = ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN);
            PageIndex x = new PageIndex(dir, e, FileChannel.open(pages, StandardOpenOption.READ));
            x.checkOffsets(m.dataBytes());
            return x;
        } catch (NoSuchFileException e) {
            throw new SnapshotException(
                    Kind.MISSING, "snapshot " + dir + " lacks " + e.getFile(), e);
        } catch (IOException e) {
            throw new SnapshotException(
                    Kind.IO, "snapshot " + dir + " cannot be read: " + e.getMessage(), e);
        }
    }

    private static void checkSize(Path file, long want) throws IOException, SnapshotException {
        long is = Files.size(file);
        if (is != want) {
            throw new SnapshotException(
                    is < want ? Kind.TRUNCATED : Kind.CORRUPT,
                    "%s has %d bytes, its manifest says %d".formatted(file, is, want));
        }
    }

    private void checkOffsets(long bytes) throws SnapshotException, IOException {
        for (int i = 0; i < pages; i++) {
            long o = offset(i);
            if (o != -1 && (o < 0 || o % Layout.PAGE != 0 || o > bytes - Layout.PAGE)) {
                data.close();
                throw Manifest.corrupt(dir, "page " + i + " lies at 0x" + Long.toHexString(o), null);
            }
        }
    }

    int pages() {
        return pages;
    }

    boolean zero(int page) {
        return offset(page) == -1;
    }

    private long offset(int page) {
        return entries.getLong(page * Layout.ENTRY);
    }

    /** Reads and verifies one page that is not zero. */
    void read(int page, byte[] to) throws SnapshotException {
        ByteBuffer b = ByteBuffer.wrap(to, 0, Layout.PAGE);
        long at = offset(page);
        try {
            while (b.hasRemaining()) {
                int n = data.read(b, at + b.position());
                if (n < 0) {
                    throw new SnapshotException(
                            Kind.TRUNCATED,
                            "snapshot %s ends inside page %d".formatted(dir, page));
                }
            }
        } catch (IOException e) {
            throw new SnapshotException(
                    Kind.IO, "page %d of snapshot %s: %s".formatted(page, dir, e.getMessage()), e);
        }
        if (Digests.crc32c(to, 0, Layout.PAGE) != entries.getInt(page * Layout.ENTRY + 8)) {
            throw Manifest.corrupt(
                    dir, "page %d does not match its checksum; the guest has not seen it".formatted(page), null);
        }
    }

    @Override
    public void close() throws SnapshotException {
        try {
            data.close();
        } catch (IOException e) {
            throw new SnapshotException(Kind.IO, dir + ": " + e.getMessage(), e);
        }
    }
}
