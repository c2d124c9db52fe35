// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.snapshot.internal.disk.DirectoryLock;
import dev.faultline.snapshot.internal.disk.Disk;
import dev.faultline.snapshot.internal.disk.RealPath;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.Trace;
import dev.faultline.snapshot.internal.image.Batch;
import dev.faultline.snapshot.internal.image.Chunks;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.snapshot.internal.image.ImageWriter;
import dev.faultline.snapshot.internal.source.LocalOrigin;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.function.DoubleConsumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Makes a snapshot stand alone: a new index and pack beside the old ones, then the manifest
 * replaced by one rename, then the old files deleted. Cut short at any point it leaves the old
 * snapshot or the new one, at most with files beside it that no manifest names; the next compaction
 * removes them.
 */
public final class Compactor {
    private static final Pattern PART = Pattern.compile("(?:index|pack|hashes)-([0-9]{1,9})");

    private static final long PATIENCE_MILLIS = 2_000;

    /** Touched pages that are read ahead together, see {@link Batch}. */
    private static final int WINDOW = Chunks.AHEAD * Layout.GROUP;

    private final Disk disk;
    private final Path dir;
    private final DoubleConsumer progress;

    public Compactor(Disk disk, Path dir, DoubleConsumer progress) {
        this.disk = disk;
        this.dir = dir;
        this.progress = progress;
    }

    /** Others may read the snapshot meanwhile; none may write it. */
    public Manifest compact() throws SnapshotException {
        LocalOrigin.manifest(dir); // nothing is made in a directory that is no snapshot
        try (DirectoryLock lock =
                DirectoryLock.take(
                        dir,
                        DirectoryLock.Use.WRITE,
                        "compact",
                        PATIENCE_MILLIS,
                        DirectoryLock.Without.REFUSE)) {
            return compactLocked();
        }
    }

    private Manifest compactLocked() throws SnapshotException {
        List<Path> mine = new ArrayList<>();
        Path manifest = dir.resolve(Layout.MANIFEST + ".new");
        boolean published = false;
        try (Image old = Image.open(dir)) {
            checkNoOrphan(old.manifest());
            List<Path> before = parts();
            int number = 1 + before.stream().mapToInt(Compactor::number).max().orElse(0);
            mine.add(dir.resolve(Layout.INDEX + number));
            mine.add(dir.resolve(Layout.PACK + number));
            mine.add(dir.resolve(Layout.HASHES + number));
            disk.delete(manifest);
            mine.add(manifest);
            Manifest m = write(old, number, manifest);
            disk.force(dir);
            disk.move(manifest, dir.resolve(Layout.MANIFEST));
            published = true;
            disk.force(dir);
            for (Path p : before) {
                disk.delete(p);
            }
            return m;
        } catch (IOException e) {
            if (!published) {
                removeQuietly(mine, e);
            }
            throw new SnapshotException(
                    Kind.IO,
                    "snapshot %s cannot be compacted: %s".formatted(dir, e.getMessage()),
                    e);
        } catch (SnapshotException | RuntimeException e) {
            if (!published) {
                removeQuietly(mine, e);
            }
            throw e;
        }
    }

    /**
     * Of a snapshot of a version without content roots no compaction can prove that it has the
     * pages that the old id names: who refers to them would not be given them any more.
     */
    private void checkNoOrphan(Manifest old) throws IOException, SnapshotException {
        if (old.hashes() != null) {
            return;
        }
        Path child = Remover.child(RealPath.of(dir), old);
        if (child != null) {
            throw new SnapshotException(
                    Kind.MISMATCH,
                    "snapshot %s has no content root, so after a compaction %s could not tell that it still has the pages that it refers to; compact %s first; nothing was changed"
                            .formatted(dir, child, child));
        }
    }

    private List<Path> parts() throws IOException {
        try (Stream<Path> s = Files.list(dir)) {
            return s.filter(p -> number(p) >= 0).toList();
        }
    }

    private static int number(Path p) {
        var m = PART.matcher(p.getFileName().toString());
        return m.matches() ? Integer.parseInt(m.group(1)) : -1;
    }

    private Manifest write(Image old, int number, Path manifest)
            throws IOException, SnapshotException {
        Manifest was = old.manifest();
        try (ImageWriter w = new ImageWriter(disk, dir, number, was.codec(), old.pages(), null)) {
            touched(old, w);
            ImageWriter.Draft d = new ImageWriter.Draft();
            BitSet done = new BitSet();
            for (int s = 0; s < old.sections(); s++) {
                int first = s * Layout.SECTION;
                d.pages = Math.min(Layout.SECTION, old.pages() - first);
                if (old.sectionKind(s) == Layout.ZERO) {
                    w.uniform(Layout.ZERO, d.pages);
                    continue;
                }
                done.clear();
                for (int p = 0; p < d.pages; p++) {
                    done.set(p, w.isTouched(first + p));
                }
                BitSet stored = (BitSet) done.clone();
                old.bulk().readSection(s, d.content, done);
                for (int p = 0; p < d.pages; p++) {
                    if (stored.get(p)) {
                        d.kind[p] = Layout.CHUNK;
                    } else {
                        d.classify(p);
                    }
                }
                w.section(d);
                progress.accept((double) (s + 1) / old.sections());
            }
            w.finish();
            Manifest.Hashes before = was.hashes();
            Manifest.Hashes fresh = w.hashes();
            if (before != null && (fresh == null || !Arrays.equals(before.root(), fresh.root()))) {
                throw old.corrupt("its pages are not those of its content root");
            }
            Manifest m =
                    was.compacted(w.features(), w.counts(), w.index(), List.of(w.pack()), fresh);
            if (m.encode().length > Layout.MAX_MANIFEST) {
                throw new SnapshotException(
                        Kind.MISMATCH,
                        "snapshot %s was compacted so often that its manifest would be too large; restore and save it anew"
                                .formatted(dir));
            }
            TargetDirectory.write(disk, manifest, m);
            progress.accept(1);
            return m;
        }
    }

    /**
     * Stores the pages that the trace foretells, in its order, 16 to a chunk: a restore by it reads
     * the front of the pack and little else. Of pages that are read ahead together anyway those
     * that lie close in RAM share a chunk: then fewer sections name it, and a fault brings more.
     */
    private void touched(Image old, ImageWriter w) throws IOException, SnapshotException {
        int[] order = Trace.read(old.origin()).likely(old.pages());
        for (int from = 0; from < order.length; from += WINDOW) {
            int[] pages = Arrays.copyOfRange(order, from, Math.min(order.length, from + WINDOW));
            Arrays.sort(pages);
            byte[] content = new byte[pages.length * Layout.PAGE];
            old.bulk().readPages(pages, 0, pages.length, content);
            int n = 0;
            for (int i = 0; i < pages.length; i++) {
                if (ImageWriter.isStored(content, i * Layout.PAGE)) {
                    System.arraycopy(
                            content, i * Layout.PAGE, content, n * Layout.PAGE, Layout.PAGE);
                    pages[n++] = pages[i];
                }
            }
            for (int i = 0; i < n; i += Layout.GROUP) {
                w.touched(pages, i, Math.min(n, i + Layout.GROUP), content);
            }
        }
    }

    private void removeQuietly(List<Path> files, Exception because) {
        for (Path p : files) {
            try {
                disk.delete(p);
            } catch (IOException e) {
                because.addSuppressed(e);
            }
        }
    }
}
