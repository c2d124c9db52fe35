// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.DoubleConsumer;
import java.util.stream.Stream;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;

/** The snapshot service over directories of the local file system. */
@Component(service = SnapshotService.class)
public final class Snapshots implements SnapshotService {
    private final List<Restoration> active = new CopyOnWriteArrayList<>();

    @Activate
    public Snapshots() {}

    @Deactivate
    void deactivate() {
        active.forEach(Restoration::close);
    }

    @Override
    public SnapshotInfo save(Machine machine, Path dir, DoubleConsumer progress)
            throws SnapshotException {
        long begin = System.nanoTime();
        active.removeIf(r -> !r.serves(machine) && r.failure() != null);
        for (Restoration r : active) {
            if (r.serves(machine)) {
                // Absent pages are read from the parent now: this format version cannot refer to them.
                r.complete();
            }
        }
        Manifest[] saved = new Manifest[1];
        SnapshotException[] failed = new SnapshotException[1];
        long[] pause = new long[1];
        machine.quiesce(
                () -> {
                    long t = System.nanoTime();
                    try {
                        saved[0] = new Saver(dir, progress).save(machine);
                    } catch (SnapshotException e) {
                        failed[0] = e;
                    }
                    pause[0] = System.nanoTime() - t;
                });
        if (failed[0] != null) {
            throw failed[0];
        }
        return describe(dir, saved[0], System.nanoTime() - begin, pause[0]);
    }

    @Override
    public SnapshotInfo info(Path dir) throws SnapshotException {
        return describe(dir, manifest(dir), 0, 0);
    }

    private static SnapshotInfo describe(Path dir, Manifest m, long save, long pause)
            throws SnapshotException {
        return new SnapshotInfo(
                dir,
                m.created(),
                m.config(),
                size(dir),
                m.pages(),
                m.zeroPages(),
                Trace.of(dir).exists(),
                save,
                pause);
    }

    private static long size(Path dir) throws SnapshotException {
        try (Stream<Path> s = Files.list(dir)) {
            long n = 0;
            for (Path p : s.toList()) {
                n += Files.size(p);
            }
            return n;
        } catch (IOException e) {
            throw new SnapshotException(Kind.IO, dir + ": " + e.getMessage(), e);
        }
    }

    private static Manifest manifest(Path dir) throws SnapshotException {
        if (!Files.exists(dir)) {
            throw new SnapshotException(Kind.MISSING, "snapshot " + dir + " does not exist");
        }
        if (!Files.isDirectory(dir)) {
            throw new SnapshotException(
                    Kind.NOT_A_SNAPSHOT, dir + " is a file; a snapshot is a directory");
        }
        Path file = dir.resolve(Layout.MANIFEST);
        try {
            long size = Files.size(file);
            if (size > Layout.MAX_MANIFEST + 64) {
                throw new SnapshotException(
                        Kind.FOREIGN,
                        "%s has %d bytes, far more than a snapshot's manifest".formatted(file, size));
            }
            return Manifest.decode(Files.readAllBytes(file), dir);
        } catch (NoSuchFileException e) {
            throw new SnapshotException(
                    Kind.NOT_A_SNAPSHOT, dir + " is not a snapshot: it has no file " + Layout.MANIFEST, e);
        } catch (IOException e) {
            throw new SnapshotException(Kind.IO, file + ": " + e.getMessage(), e);
        }
    }

    @Override
    public List<Listed> list(Path dir) throws SnapshotException {
        if (!Files.isDirectory(dir)) {
            throw new SnapshotException(Kind.MISSING, dir + " is not a directory");
        }
        List<Listed> out = new ArrayList<>();
        try (Stream<Path> s = Files.list(dir)) {
            for (Path p : s.sorted().toList()) {
                if (Files.isDirectory(p) && Files.exists(p.resolve(Layout.MANIFEST))) {
                    out.add(listed(p));
                }
            }
        } catch (IOException e) {
            throw new SnapshotException(Kind.IO, dir + ": " + e.getMessage(), e);
        }
        return out;
    }

    private Listed listed(Path p) {
        try {
            return new Listed(p, info(p), null);
        } catch (SnapshotException e) {
            return new Listed(p, null, e.getMessage());
        }
    }

    @Override
    public long verify(Path dir, DoubleConsumer progress) throws SnapshotException {
        Manifest m = manifest(dir);
        try (PageIndex x = PageIndex.open(dir, m)) {
            byte[] b = new byte[Layout.PAGE];
            for (int p = 0; p < x.pages(); p++) {
                if (!x.zero(p)) {
                    x.read(p, b);
                }
                if ((p & 0xFFF) == 0) {
                    progress.accept((double) p / x.pages());
                }
            }
            progress.accept(1);
            return x.pages();
        }
    }

    @Override
    public void delete(Path dir) throws SnapshotException {
        if (!Files.isDirectory(dir) || !Files.exists(dir.resolve(Layout.MANIFEST))) {
            throw new SnapshotException(
                    Kind.NOT_A_SNAPSHOT,
                    dir + " is not a snapshot (no " + Layout.MANIFEST + " in it); nothing was deleted");
        }
        try {
            // The manifest goes first: what is left of an interrupted deletion is no snapshot.
            Files.delete(dir.resolve(Layout.MANIFEST));
            for (String f : List.of(Layout.INDEX, Layout.DATA, Layout.TRACE)) {
                Files.deleteIfExists(dir.resolve(f));
            }
            Files.delete(dir);
        } catch (IOException e) {
            throw new SnapshotException(Kind.IO, "deleting " + dir + ": " + e.getMessage(), e);
        }
    }

    @Override
    public Restored restore(Path dir, Machine into, RestoreMode mode) throws SnapshotException {
        Manifest m = manifest(dir);
        Trace trace = Trace.of(dir);
        if (mode == RestoreMode.RECORDED && !trace.exists()) {
            throw new SnapshotException(
                    Kind.MISSING,
                    "snapshot " + dir + " has no recorded working set; restore it lazily with --record first");
        }
        PageIndex index = PageIndex.open(dir, m);
        try {
            Restoration r = new Restoration(mode, into, m, index, trace);
            into.loadState(m.state());
            r.start();
            active.add(r);
            return r;
        } catch (SnapshotException e) {
            index.close();
            throw e;
        } catch (MachineException e) {
            index.close();
            throw new SnapshotException(
                    Kind.MISMATCH, "snapshot %s does not fit the machine: %s".formatted(dir, e.getMessage()), e);
        }
    }
}
