// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.device.StateSection;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.vm.Machine;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleConsumer;
import java.util.stream.Stream;

/**
 * Writes a snapshot of a machine that stands still: first into a temporary directory beside the
 * target, every file and the directory forced to disk, then one rename. A failure leaves nothing
 * behind.
 */
final class Saver {
    private final Disk disk;
    private final Path dir;
    private final Codec codec;
    private final DoubleConsumer progress;
    private Restoration lazy;
    private boolean incremental;
    private List<RamBlock> blocks;
    private final byte[] group = new byte[Layout.GROUP * Layout.PAGE];
    private int groupHeld;

    Saver(Disk disk, Path dir, Codec codec, DoubleConsumer progress) {
        this.disk = disk;
        this.dir = dir.toAbsolutePath().normalize();
        this.codec = codec;
        this.progress = progress;
    }

    /**
     * @param machine paused or quiesced
     * @param from what still fills the machine, or null; pages that are absent are taken from there
     * @param refer store no page that is the same in the snapshot restored from
     */
    Manifest save(Machine machine, Restoration from, boolean refer) throws SnapshotException {
        lazy = from;
        incremental = refer;
        blocks = List.copyOf(machine.memory().blocks());
        Path temporary = null;
        try {
            checkTarget();
            temporary =
                    disk.temporaryDirectory(dir.getParent(), "." + dir.getFileName() + ".saving-");
            Manifest m = write(machine, temporary);
            disk.move(temporary, dir);
            disk.force(dir.getParent());
            return m;
        } catch (IOException | UncheckedIOException e) {
            removeQuietly(temporary, e);
            throw new SnapshotException(
                    Kind.IO, "snapshot %s cannot be written: %s".formatted(dir, e.getMessage()), e);
        } catch (SnapshotException | RuntimeException e) {
            removeQuietly(temporary, e);
            throw e;
        }
    }

    private void checkTarget() throws IOException {
        if (!Files.exists(dir)) {
            return;
        }
        if (!Files.isDirectory(dir)) {
            throw new FileAlreadyExistsException(dir + " exists and is not a directory");
        }
        try (Stream<Path> s = Files.list(dir)) {
            if (s.findAny().isPresent()) {
                throw new FileAlreadyExistsException(
                        dir + " exists and is not empty; delete it or choose another directory");
            }
        }
    }

    static List<Manifest.Region> regions(List<RamBlock> blocks) {
        return blocks.stream().map(b -> new Manifest.Region(b.name(), b.size())).toList();
    }

    private Manifest write(Machine machine, Path to) throws IOException, SnapshotException {
        List<StateSection> state = machine.saveState();
        List<Manifest.Region> regions = regions(blocks);
        long pages = regions.stream().mapToLong(r -> r.bytes() / Layout.PAGE).sum();
        try (ImageWriter w = new ImageWriter(disk, to, 0, codec, pages)) {
            ImageWriter.Draft draft = new ImageWriter.Draft();
            for (int first = 0; first < pages; first += Layout.SECTION) {
                draft.pages = (int) Math.min(Layout.SECTION, pages - first);
                draw(draft, first);
                w.section(draft);
                progress.accept((double) (first + draft.pages) / pages);
            }
            w.finish();
            List<String> required = new ArrayList<>();
            if (w.feature() != null) {
                required.add(w.feature());
            }
            Manifest.Parent parent = null;
            if (w.counts().parent() > 0) {
                required.add(Manifest.PARENT_FEATURE);
                parent = parent();
            }
            Manifest m =
                    new Manifest(
                            Instant.ofEpochMilli(System.currentTimeMillis()),
                            machine.config(),
                            required,
                            parent,
                            regions,
                            w.counts(),
                            w.index(),
                            List.of(w.pack()),
                            List.of(),
                            state);
            writeManifest(disk, to.resolve(Layout.MANIFEST), m);
            disk.force(to);
            return m;
        }
    }

    static void writeManifest(Disk disk, Path file, Manifest m) throws IOException {
        try (Disk.Out c = disk.create(file)) {
            c.write(ByteBuffer.wrap(m.encode()));
            c.force();
        }
    }

    private Manifest.Parent parent() {
        Origin held = lazy.image().origin();
        if (held.dir() == null) {
            return new Manifest.Parent(lazy.image().manifest().id(), held.toString());
        }
        Path of = held.dir().toAbsolutePath().normalize();
        Path home = dir.getParent();
        boolean near = of.getRoot().equals(home.getRoot());
        String path = (near ? home.relativize(of) : of).toString().replace('\\', '/');
        return new Manifest.Parent(lazy.image().manifest().id(), path);
    }

    // ---- pages
    // -------------------------------------------------------------------------------------------------------

    private void draw(ImageWriter.Draft d, int first) throws SnapshotException {
        int block = 0;
        long blockFirst = 0;
        groupHeld = -1;
        for (int i = 0; i < d.pages; i++) {
            int page = first + i;
            while (page - blockFirst >= blocks.get(block).size() / Layout.PAGE) {
                blockFirst += blocks.get(block++).size() / Layout.PAGE;
            }
            long hva = blocks.get(block).hva() + (page - blockFirst) * Layout.PAGE;
            boolean absent = lazy != null && !lazy.isPresent(page);
            if (absent && incremental) {
                d.kind[i] = Layout.PARENT;
            } else if (absent) {
                System.arraycopy(held(page), at(page), d.content, i * Layout.PAGE, Layout.PAGE);
                d.classify(i);
            } else if (isZero(hva)) {
                d.kind[i] = Layout.ZERO;
            } else {
                HostBytes.copyOut(hva, d.content, i * Layout.PAGE, Layout.PAGE);
                if (incremental && sameAsParent(page, d.content, i * Layout.PAGE)) {
                    d.kind[i] = Layout.PARENT;
                } else {
                    d.classify(i);
                }
            }
        }
    }

    private static int at(int page) {
        return page % Layout.GROUP * Layout.PAGE;
    }

    /** The group of {@code page} as the snapshot restored from has it. */
    private byte[] held(int page) throws SnapshotException {
        if (groupHeld != page / Layout.GROUP) {
            groupHeld = -1;
            lazy.image().readGroup(page / Layout.GROUP, group);
            groupHeld = page / Layout.GROUP;
        }
        return group;
    }

    private boolean sameAsParent(int page, byte[] b, int from) throws SnapshotException {
        return Arrays.equals(
                b, from, from + Layout.PAGE, held(page), at(page), at(page) + Layout.PAGE);
    }

    private static boolean isZero(long hva) {
        for (int i = 0; i < Layout.PAGE; i += 64) {
            long x =
                    HostBytes.get64(hva + i)
                            | HostBytes.get64(hva + i + 8)
                            | HostBytes.get64(hva + i + 16)
                            | HostBytes.get64(hva + i + 24)
                            | HostBytes.get64(hva + i + 32)
                            | HostBytes.get64(hva + i + 40)
                            | HostBytes.get64(hva + i + 48)
                            | HostBytes.get64(hva + i + 56);
            if (x != 0) {
                return false;
            }
        }
        return true;
    }

    // ---- cleaning up
    // ---------------------------------------------------------------------------------------------------

    private void removeQuietly(Path temporary, Exception because) {
        if (temporary == null || !Files.exists(temporary)) {
            return;
        }
        try (Stream<Path> s = Files.list(temporary)) {
            for (Path p : s.toList()) {
                disk.delete(p);
            }
            disk.delete(temporary);
        } catch (IOException e) {
            because.addSuppressed(e);
        }
    }
}
