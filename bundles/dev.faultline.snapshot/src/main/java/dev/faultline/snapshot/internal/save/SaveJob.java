// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import dev.faultline.api.device.StateSection;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.vm.Machine;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.PageSet;
import dev.faultline.snapshot.internal.format.RamMap;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.snapshot.internal.image.Pager;
import dev.faultline.snapshot.internal.image.Touched;
import dev.faultline.snapshot.internal.source.LocalOrigin;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One save: decides what stands while what is done. In the pause device state is read, it is noted
 * which pages were written, and RAM is write-protected; then the guest runs on (live), or stands
 * until its pages are written (stop-and-copy).
 */
public final class SaveJob {
    /** Pages aside, at most: a share of all, but not less than these. */
    private static final int ASIDE_SHARE = 4;

    private static final int ASIDE_LEAST = 4096;

    /** Something done in a pause. */
    private interface Action {
        void run() throws IOException, SnapshotException;
    }

    private final Machine machine;
    private final SaveOptions options;
    private final Path dir;
    private final @Nullable HostMemory host;
    private final @Nullable WriteWatch watch;
    private final @Nullable Pager source;
    private final List<RamBlock> blocks;
    private final RamMap ramMap;
    private final int pages;
    private final int mostAside;
    private boolean marksFitParent;
    private @Nullable Image parent;
    private @Nullable Image opened;
    private @Nullable LiveCopy copy;
    private @Nullable Frozen frozen;
    private List<StateSection> state = List.of();
    private boolean armed;
    private long pause;

    /**
     * @param host null: there is none, so there are no live saves
     * @param watch of the machine, with its lock held; null if the options need none
     * @param source the restore that filled the machine, still usable; else null
     * @param mostAside see {@link LiveCopy}; 0: a share of the RAM
     */
    public SaveJob(
            Machine machine,
            SaveOptions options,
            Path dir,
            @Nullable HostMemory host,
            @Nullable WriteWatch watch,
            @Nullable Pager source,
            int mostAside) {
        this.machine = machine;
        this.options = options;
        this.dir = dir;
        this.host = host;
        this.watch = watch;
        this.source = source;
        blocks = machine.memory().blocks();
        ramMap = Saver.ramMap(blocks);
        pages = Saver.pages(Saver.regions(blocks));
        this.mostAside = mostAside > 0 ? mostAside : Math.max(ASIDE_LEAST, pages / ASIDE_SHARE);
    }

    /** How long the machine stood, so far. */
    public long pauseNanos() {
        return pause;
    }

    public Manifest run(Saver saver) throws SnapshotException {
        WriteWatch.Base saved = null;
        try (saver) {
            if (pages == 0) {
                throw new SnapshotException(
                        Kind.MISMATCH, "the machine has no RAM to save: it is closed");
            }
            saver.begin(blocks);
            findParent();
            saver.create(parent);
            if (watch != null) {
                armed = arms();
                watch.prepare(armed);
            }
            if (options.live()) {
                LiveCopy aside = aside();
                copy = aside;
                standing(() -> frozen = freeze());
                copyWhileRunning(saver, aside, Objects.requireNonNull(frozen, "it stood"));
            } else {
                standing(() -> {
                    Frozen memory = freeze();
                    while (!saver.isDone()) {
                        saver.step(memory);
                    }
                });
            }
            Manifest m = saver.publish(machine.config(), state, parent);
            if (options.track()) {
                saved = new WriteWatch.Base(saver.dir(), m.id());
            }
            return m;
        } catch (ClosedByInterruptException e) {
            throw new SnapshotException(Kind.IO, "saving " + dir + " was interrupted", e);
        } catch (IOException | UncheckedIOException e) {
            throw new SnapshotException(
                    Kind.IO, "snapshot %s cannot be written: %s".formatted(dir, e.getMessage()), e);
        } finally {
            finish(saved);
        }
    }

    private void finish(WriteWatch.@Nullable Base saved) throws SnapshotException {
        try {
            if (armed && watch != null) {
                watch.end(saved);
            }
            if (copy != null) {
                copy.close();
            }
        } finally {
            if (opened != null) {
                opened.close();
            }
            if (source != null && source.isComplete()) {
                source.image().letGo();
            }
        }
    }

    private LiveCopy aside() throws SnapshotException {
        if (host == null) {
            throw new SnapshotException(Kind.IO, "no host memory for a live save");
        }
        try {
            return new LiveCopy(host, ramMap, pages, source, mostAside);
        } catch (HostMemoryException e) {
            throw new SnapshotException(Kind.IO, "no memory for a live save: " + e.getMessage(), e);
        }
    }

    // ---- the parent

    private void findParent() throws SnapshotException {
        if (!options.incremental()) {
            return;
        }
        Image found = lastSaved();
        if (found == null && source != null) {
            found = source.image();
            checkThere(found);
        }
        if (found == null) {
            throw new SnapshotException(
                    Kind.MISMATCH,
                    "an incremental save needs the snapshot that the machine was restored from, or one saved"
                            + " with tracking; this machine has none");
        }
        checkChain(found);
        parent = found;
    }

    /** What marks are relative to; null if there is none, or it is lost and another one will do. */
    private @Nullable Image lastSaved() throws SnapshotException {
        WriteWatch.Base base = watch == null ? null : watch.base();
        if (base == null) {
            return null;
        }
        try {
            Image last = Image.open(new LocalOrigin(base.dir()), base.id());
            opened = last;
            marksFitParent = true;
            return last;
        } catch (SnapshotException e) {
            if (source == null) {
                throw new SnapshotException(
                        e.kind(),
                        "an incremental save needs the last snapshot: " + e.getMessage(),
                        e);
            }
            return null;
        }
    }

    /** What is about to be referred to can be found where it was, and nobody will delete it. */
    private static void checkThere(Image image) throws SnapshotException {
        image.hold();
        Path dir = image.origin().dir();
        if (dir == null) {
            return;
        }
        String gone =
                "an incremental save needs the snapshot that the machine was restored from, which is not at "
                        + dir
                        + " any more; save without it";
        try {
            if (LocalOrigin.manifest(dir).sameMemory(image.manifest())) {
                return;
            }
        } catch (SnapshotException e) {
            throw new SnapshotException(Kind.MISSING, gone, e);
        }
        throw new SnapshotException(Kind.MISSING, gone);
    }

    private static void checkChain(Image first) throws SnapshotException {
        int parents = 1;
        for (Image i = first; i.manifest().parent() != null; i = i.parent()) {
            if (++parents > Layout.MAX_CHAIN) {
                throw new SnapshotException(
                        Kind.MISMATCH,
                        "%s has %d parents already, as many as can be read; compact it first"
                                .formatted(first.origin(), parents - 1));
            }
        }
    }

    // ---- the pause

    private void standing(Action action) throws IOException, SnapshotException {
        @Nullable Exception[] failed = new Exception[1];
        machine.quiesce(() -> {
            long t = System.nanoTime();
            try {
                action.run();
            } catch (IOException | SnapshotException e) {
                failed[0] = e;
            }
            pause += System.nanoTime() - t;
        });
        if (failed[0] instanceof IOException e) {
            throw e;
        }
        if (failed[0] instanceof SnapshotException e) {
            throw e;
        }
    }

    private Frozen freeze() throws SnapshotException {
        if (!machine.memory().blocks().equals(blocks)) {
            throw new SnapshotException(
                    Kind.MISMATCH, "the machine's RAM was exchanged or released before its save");
        }
        state = machine.saveState();
        PageSet written = watch == null ? null : watch.written();
        PageSet differing = marksFitParent ? written : null;
        if (copy != null) {
            copy.begin(differing);
        }
        if (watch != null && arms()) {
            watch.arm(written, copy);
        }
        return new Frozen(ramMap, new Touched(blocks, source), copy, source, parent, differing);
    }

    private boolean arms() {
        return options.live() || options.track();
    }

    // ---- while the guest runs

    private void copyWhileRunning(Saver saver, LiveCopy aside, Frozen memory)
            throws IOException, SnapshotException {
        while (!saver.isDone()) {
            if (aside.isCrowded()) {
                standing(() -> {
                    while (!saver.isDone() && !aside.isRoomy()) {
                        saver.step(memory);
                    }
                });
            } else {
                saver.step(memory);
            }
        }
    }
}
