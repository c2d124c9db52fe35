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
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.DoubleConsumer;
import java.util.stream.Stream;

/**
 * Writes a snapshot of a machine that stands still: first into a temporary directory beside the target, every file and the directory forced to disk, then one
 * rename. A failure leaves nothing behind.
 */
final class Saver {
    private static final int BUFFER_PAGES = 256;

    private final Path dir;
    private final DoubleConsumer progress;
    private long zeroPages;
    private long dataBytes;

    Saver(Path dir, DoubleConsumer progress) {
        this.dir = dir.toAbsolutePath();
        this.progress = progress;
    }

    /** @param machine paused or quiesced */
    Manifest save(Machine machine) throws SnapshotException {
        Path temporary = null;
        try {
            checkTarget();
            Path parent = dir.getParent();
            Files.createDirectories(parent);
            temporary = Files.createTempDirectory(parent, "." + dir.getFileName() + ".saving-");
            Manifest m = write(machine, temporary);
            Files.deleteIfExists(dir);
            Files.move(temporary, dir, StandardCopyOption.ATOMIC_MOVE);
            force(parent);
            return m;
        } catch (IOException | UncheckedIOException e) {
            removeQuietly(temporary, e);
            throw new SnapshotException(
                    Kind.IO, "snapshot %s cannot be written: %s".formatted(dir, e.getMessage()), e);
        } catch (RuntimeException e) {
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

    private Manifest write(Machine machine, Path to) throws IOException {
        List<StateSection> state = machine.saveState();
        List<Manifest.Region> regions = new ArrayList<>();
        long total = 0;
        for (RamBlock b : machine.memory().blocks()) {
            regions.add(new Manifest.Region(b.name(), b.size()));
            total += b.size() / Layout.PAGE;
        }
        MessageDigest digest = Digests.sha256();
        try (FileChannel data = create(to.resolve(Layout.DATA));
                FileChannel index = create(to.resolve(Layout.INDEX))) {
            long done = 0;
            for (RamBlock b : machine.memory().blocks()) {
                writeBlock(b, data, index, digest, done, total);
                done += b.size() / Layout.PAGE;
            }
            data.force(true);
            index.force(true);
        }
        Manifest m =
                new Manifest(
                        Instant.now(),
                        machine.config(),
                        regions,
                        zeroPages,
                        dataBytes,
                        digest.digest(),
                        state);
        try (FileChannel c = create(to.resolve(Layout.MANIFEST))) {
            writeAll(c, ByteBuffer.wrap(m.encode()));
            c.force(true);
        }
        force(to);
        return m;
    }

    private void writeBlock(
            RamBlock block,
            FileChannel data,
            FileChannel index,
            MessageDigest digest,
            long done,
            long total)
            throws IOException {
        byte[] pages = new byte[BUFFER_PAGES * Layout.PAGE];
        ByteBuffer entries =
                ByteBuffer.allocate(BUFFER_PAGES * Layout.ENTRY).order(ByteOrder.LITTLE_ENDIAN);
        long count = block.size() / Layout.PAGE;
        for (long p = 0; p < count; p += BUFFER_PAGES) {
            int used = 0;
            entries.clear();
            for (long q = p; q < Math.min(count, p + BUFFER_PAGES); q++) {
                int at = used * Layout.PAGE;
                long hva = block.hva() + q * Layout.PAGE;
                if (isZero(hva)) {
                    entries.putLong(-1).putInt(0);
                    zeroPages++;
                } else {
                    HostBytes.copyOut(hva, pages, at, Layout.PAGE);
                    entries.putLong(dataBytes).putInt(Digests.crc32c(pages, at, Layout.PAGE));
                    dataBytes += Layout.PAGE;
                    used++;
                }
            }
            writeAll(data, ByteBuffer.wrap(pages, 0, used * Layout.PAGE));
            entries.flip();
            digest.update(entries.duplicate());
            writeAll(index, entries);
            progress.accept((double) (done + p) / total);
        }
        progress.accept((double) (done + count) / total);
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

    private static FileChannel create(Path p) throws IOException {
        return FileChannel.open(p, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    }

    private static void writeAll(FileChannel c, ByteBuffer b) throws IOException {
        while (b.hasRemaining()) {
            c.write(b);
        }
    }

    /** Forces a directory's entries to disk, where the host lets a directory be opened. */
    static void force(Path directory) throws IOException {
        if (java.io.File.separatorChar == '\\') {
            return;
        }
        try (FileChannel c = FileChannel.open(directory, StandardOpenOption.READ)) {
            c.force(true);
        }
    }

    private static void removeQuietly(Path temporary, Exception because) {
        if (temporary == null) {
            return;
        }
        try {
            removeTree(temporary);
        } catch (IOException e) {
            because.addSuppressed(e);
        }
    }

    static void removeTree(Path root) throws IOException {
        if (!Files.exists(root)) {
            return;
        }
        try (Stream<Path> s = Files.walk(root)) {
            for (Path p : s.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(p);
            }
        }
    }
}
