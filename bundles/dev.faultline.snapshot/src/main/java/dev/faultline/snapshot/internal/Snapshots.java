// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.snapshot.CloneBase;
import dev.faultline.api.snapshot.PageMap;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineListener;
import dev.faultline.snapshot.internal.clone.CloneBases;
import dev.faultline.snapshot.internal.disk.DirectoryLock;
import dev.faultline.snapshot.internal.disk.Disk;
import dev.faultline.snapshot.internal.format.Codec;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.Origin;
import dev.faultline.snapshot.internal.format.Section;
import dev.faultline.snapshot.internal.format.Trace;
import dev.faultline.snapshot.internal.image.Baseline;
import dev.faultline.snapshot.internal.image.ContentTree;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.snapshot.internal.image.Pager;
import dev.faultline.snapshot.internal.image.WarmUp;
import dev.faultline.snapshot.internal.restore.Restoration;
import dev.faultline.snapshot.internal.restore.StateMismatch;
import dev.faultline.snapshot.internal.save.Compactor;
import dev.faultline.snapshot.internal.save.Remover;
import dev.faultline.snapshot.internal.save.SaveJob;
import dev.faultline.snapshot.internal.save.Saver;
import dev.faultline.snapshot.internal.save.TargetDirectory;
import dev.faultline.snapshot.internal.save.WriteWatch;
import dev.faultline.snapshot.internal.source.LocalOrigin;
import dev.faultline.snapshot.internal.source.SourcePolicy;
import dev.faultline.snapshot.internal.source.Sources;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.DoubleConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.service.component.annotations.ReferencePolicyOption;

/** The snapshot service: saves into directories, reads from there and from page sources. */
@Component(service = {SnapshotService.class, MachineListener.class})
public final class Snapshots implements SnapshotService, MachineListener {
    private static final System.Logger LOG = System.getLogger(Snapshots.class.getName());

    private final List<Pager> active = new CopyOnWriteArrayList<>();
    private final List<WriteWatch> watches = new CopyOnWriteArrayList<>();
    private final CloneBases clones = new CloneBases(active::add, this::origin);
    private final Disk disk;
    private final Sources sources;

    /** For clones and what live saves put aside; its coming and going ends no restore. */
    private volatile @Nullable HostMemory host; // null: there is none

    /** For tests; see {@link SaveJob}. */
    int mostAside;

    @Activate
    public Snapshots(@Reference(name = "sources") Sources sources) {
        this(Disk.REAL, null, sources);
    }

    /** For tests. */
    Snapshots() {
        this(Disk.REAL, null);
    }

    Snapshots(@Nullable HostMemory host) {
        this(Disk.REAL, host);
    }

    Snapshots(Disk disk, @Nullable HostMemory host) {
        this(disk, host, new Sources(SourcePolicy.DEFAULT));
    }

    Snapshots(Disk disk, @Nullable HostMemory host, Sources sources) {
        this.disk = disk;
        this.host = host;
        this.sources = sources;
    }

    @Reference(
            name = "host",
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    void bindHost(HostMemory memory) {
        host = memory;
    }

    void unbindHost(HostMemory memory) {
        if (host == memory) {
            host = null;
        }
    }

    @Deactivate
    void deactivate() {
        active.forEach(Pager::end);
        clones.end();
        for (WriteWatch w : watches) {
            w.stop();
            forgetIfGone(w); // or the save that ends does it
        }
    }

    /** Ends what fills the machine while its memory is there still. */
    @Override
    public void machineClosing(Machine machine) {
        for (Pager f : active) {
            if (f.machine() == machine) {
                f.end();
                active.remove(f);
            }
        }
    }

    @Override
    public int formatVersion() {
        return Layout.VERSION;
    }

    @Override
    public SnapshotInfo save(
            Machine machine, Path dir, SaveOptions options, DoubleConsumer progress)
            throws SnapshotException {
        long begin = System.nanoTime();
        Pager source = source(machine);
        boolean watched = options.live() || options.incremental() || options.track();
        WriteWatch watch = watched ? lockedWatch(machine) : null;
        try {
            Saver saver = new Saver(disk, dir, codec(options.compression()), progress);
            SaveJob job = new SaveJob(machine, options, dir, host, watch, source, mostAside);
            Manifest m = job.run(saver);
            return describe(dir, m, System.nanoTime() - begin, job.pauseNanos());
        } finally {
            if (watch != null) {
                watch.saving.unlock();
                forgetIfGone(watch);
            }
        }
    }

    /** The machine's watch with its lock held. */
    private WriteWatch lockedWatch(Machine machine) throws SnapshotException {
        for (; ; ) {
            WriteWatch w = watchOf(machine);
            if (w.saving.isHeldByCurrentThread() || !w.saving.tryLock()) {
                throw new SnapshotException(
                        Kind.MISMATCH,
                        "the machine is being saved by another; only full saves of a standing machine may overlap");
            }
            if (!w.isGone()) {
                return w;
            }
            w.saving.unlock();
            forgetIfGone(w);
        }
    }

    private synchronized WriteWatch watchOf(Machine machine) {
        watches.forEach(this::forgetIfGone);
        for (WriteWatch w : watches) {
            if (w.machine() == machine) {
                return w;
            }
        }
        WriteWatch w = new WriteWatch(machine);
        watches.add(w);
        return w;
    }

    /**
     * Of a machine that was closed, or whose RAM is another: nothing known about it holds. While a
     * save relies on it, it stays.
     */
    private void forgetIfGone(WriteWatch w) {
        if (w.isGone() && w.saving.tryLock()) {
            try {
                if (watches.remove(w)) {
                    w.release();
                }
            } finally {
                w.saving.unlock();
            }
        }
    }

    private static Codec codec(SaveOptions.Compression c) {
        return switch (c) {
            case NONE -> Codec.RAW;
            case LZ4 -> Codec.LZ4;
            case ZSTD -> Codec.ZSTD;
        };
    }

    /**
     * The restore that filled the machine, if it can still be asked for pages; null if the machine
     * has all pages itself.
     */
    private @Nullable Pager source(Machine machine) throws SnapshotException {
        Pager from = null;
        for (Pager r : active) {
            if (r.isClosed()) {
                active.remove(r);
            } else if (r.machine() == machine) {
                from = r;
            }
        }
        if (from == null) {
            for (ProtectionLayer l : machine.protection().layers()) {
                // Whoever was to fill these pages is gone; saving them would make them zero for
                // good.
                if (l.name().equals(Restoration.LAYER) && l.restrictedPages() > 0) {
                    throw new SnapshotException(
                            Kind.MISMATCH,
                            "the machine's restore was ended before all pages were loaded; it cannot be saved");
                }
            }
            return null;
        }
        if (Saver.regions(machine.memory().blocks()).equals(from.image().manifest().regions())) {
            return from;
        }
        from.complete();
        return null;
    }

    private Origin origin(URI location) throws SnapshotException {
        return sources.open(location);
    }

    @Override
    public SnapshotInfo info(Path dir) throws SnapshotException {
        WarmUp.start(); // whoever looks may restore next
        return describe(dir, LocalOrigin.manifest(dir), 0, 0);
    }

    @Override
    public SnapshotInfo info(URI location) throws SnapshotException {
        try (Origin o = sources.open(location)) {
            return describe(o, Manifest.read(o), 0, 0);
        }
    }

    private static SnapshotInfo describe(Path dir, Manifest m, long save, long pause)
            throws SnapshotException {
        try (Origin o = new LocalOrigin(dir)) {
            return describe(o, m, save, pause);
        }
    }

    private static SnapshotInfo describe(Origin o, Manifest m, long save, long pause)
            throws SnapshotException {
        long parts = m.index().bytes();
        for (Manifest.Pack p : m.packs()) {
            parts += p.bytes();
        }
        Manifest.Hashes hashes = m.hashes();
        parts += hashes == null ? 0 : hashes.bytes();
        Manifest.Parent parent = m.parent();
        Path dir = o.dir();
        return new SnapshotInfo(
                dir,
                Manifest.hex(m.id()),
                parent == null ? null : Manifest.hex(parent.id()),
                m.created(),
                m.config(),
                dir == null ? parts + o.length(Layout.MANIFEST) : size(dir),
                m.pages(),
                m.counts().zero(),
                Trace.exists(o),
                save,
                pause);
    }

    private static long size(Path dir) throws SnapshotException {
        try (Stream<Path> s = Files.list(dir)) {
            long n = 0;
            for (Path p : s.toList()) {
                if (!DirectoryLock.isLock(p)) {
                    n += Files.size(p);
                }
            }
            return n;
        } catch (IOException e) {
            throw new SnapshotException(Kind.IO, dir + ": " + e.getMessage(), e);
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
                } else if (Files.isReadable(p) && TargetDirectory.isUnfinished(p)) {
                    String who = DirectoryLock.writer(p);
                    out.add(
                            new Listed(
                                    p,
                                    null,
                                    who.isEmpty()
                                            ? "left by a save or a deletion that did not end"
                                            : "not complete yet: " + who,
                                    true));
                }
            }
        } catch (IOException e) {
            throw new SnapshotException(Kind.IO, dir + ": " + e.getMessage(), e);
        }
        return out;
    }

    private Listed listed(Path p) {
        try {
            return new Listed(p, info(p), null, false);
        } catch (SnapshotException e) {
            return new Listed(p, null, e.getMessage(), false);
        }
    }

    @Override
    public long verify(Path dir, DoubleConsumer progress) throws SnapshotException {
        return verify(new LocalOrigin(dir), null, progress);
    }

    @Override
    public long verify(URI location, @Nullable String id, DoubleConsumer progress)
            throws SnapshotException {
        byte[] wanted = id(SnapshotInfo.checkedId(id));
        return verify(sources.open(location), wanted, progress);
    }

    private static byte @Nullable [] id(@Nullable String hex) {
        return hex == null ? null : HexFormat.of().parseHex(hex);
    }

    private static long verify(Origin o, byte @Nullable [] id, DoubleConsumer progress)
            throws SnapshotException {
        try (Image x = Image.open(o, id)) {
            byte[] b = new byte[Layout.SECTION * Layout.PAGE];
            ContentTree tree = x.tree();
            x.checkHashes();
            for (int i = 0; i < x.sections(); i++) {
                boolean zero = x.sectionKind(i) == Layout.ZERO;
                if (!zero) {
                    x.bulk().readSection(i, b, new BitSet());
                }
                if (tree != null) {
                    tree.check(i, zero ? null : b);
                }
                progress.accept((i + 1.0) / x.sections());
            }
            progress.accept(1);
            return x.pages();
        }
    }

    @Override
    public PageMap pageMap(Path dir) throws SnapshotException {
        return pageMap(new LocalOrigin(dir));
    }

    @Override
    public PageMap pageMap(URI location) throws SnapshotException {
        return pageMap(sources.open(location));
    }

    private static PageMap pageMap(Origin o) throws SnapshotException {
        try (Image x = Image.open(o)) {
            PageMap.Builder map = new PageMap.Builder(x.pages());
            if (x.manifest().parent() != null && !hasParent(x)) {
                map.withoutParent();
            }
            for (int i = 0; i < x.sections(); i++) {
                int first = i * Layout.SECTION;
                try {
                    int kind = x.sectionKind(i);
                    if (kind != Layout.BLOCK) {
                        map.part(first, kind); // the numbers on disk are those of PageMap
                        continue;
                    }
                    Section s = x.section(i);
                    byte[] kinds = new byte[s.pages()];
                    for (int p = 0; p < kinds.length; p++) {
                        kinds[p] = (byte) s.kind(p);
                    }
                    map.part(first, kinds);
                } catch (SnapshotException e) {
                    map.part(first, PageMap.UNREADABLE);
                }
            }
            return map.build();
        }
    }

    private static boolean hasParent(Image x) {
        try {
            x.parent();
            return true;
        } catch (SnapshotException e) {
            return false;
        }
    }

    @Override
    public int[] workingSet(Path dir) throws SnapshotException {
        return workingSet(new LocalOrigin(dir));
    }

    @Override
    public int[] workingSet(URI location) throws SnapshotException {
        return workingSet(sources.open(location));
    }

    private static int[] workingSet(Origin o) throws SnapshotException {
        try (Image x = Image.open(o)) {
            return Trace.read(x.origin()).likely(x.pages());
        }
    }

    @Override
    public SnapshotInfo compact(Path dir, DoubleConsumer progress) throws SnapshotException {
        long begin = System.nanoTime();
        Manifest m = new Compactor(disk, dir, progress).compact();
        return describe(dir, m, System.nanoTime() - begin, 0);
    }

    @Override
    public void delete(Path dir) throws SnapshotException {
        new Remover(dir).delete();
    }

    @Override
    public List<Path> clean(Path dir) throws SnapshotException {
        return Remover.clean(dir);
    }

    @Override
    public Restored restore(Path dir, Machine into, RestoreOptions options)
            throws SnapshotException {
        return restore(sources.local(dir), into, options);
    }

    @Override
    public Restored restore(URI location, Machine into, RestoreOptions options)
            throws SnapshotException {
        return restore(sources.open(location), into, options);
    }

    private Restored restore(Origin o, Machine into, RestoreOptions options)
            throws SnapshotException {
        WarmUp.start();
        Set<Baseline> without;
        try {
            without = leftOut(o, options);
        } catch (SnapshotException e) {
            o.close();
            throw e;
        }
        Image image = Image.open(o, without, id(options.id()));
        try {
            image.openParents(); // what is missing is better noticed now than by the guest
            if (options.mode() == RestoreMode.RECORDED
                    && o.dir() != null
                    && !Trace.exists(image.origin())) {
                throw new SnapshotException(
                        Kind.MISSING,
                        "snapshot "
                                + o
                                + " has no recorded working set; restore it lazily with --record first");
            }
            Restoration r = new Restoration(options, disk, sources, into, image);
            into.loadState(image.manifest().state());
            r.start();
            active.add(r);
            return r;
        } catch (SnapshotException e) {
            image.close();
            throw e;
        } catch (MachineException e) {
            image.close();
            throw StateMismatch.of(o, e);
        }
    }

    /** What a benchmark has this restore leave out, if it can be restored as wanted. */
    private static Set<Baseline> leftOut(Origin o, RestoreOptions options)
            throws SnapshotException {
        Set<Baseline> without = Baseline.asked();
        boolean unverified = without.contains(Baseline.VERIFICATION);
        if (unverified && (o.dir() == null || options.id() != null)) {
            throw new SnapshotException(
                    Kind.MISMATCH,
                    "snapshot %s is not restored unverified: only one in a local directory, of which no id is demanded, can be"
                            .formatted(o));
        }
        if (o.dir() == null && options.recording() != null) {
            throw new SnapshotException(
                    Kind.MISMATCH,
                    "a recording is written beside the snapshot, but %s is read-only; record with a copy in a local directory"
                            .formatted(o));
        }
        if (!without.isEmpty()) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "snapshot {0} is restored without {1}, for a measurement only: system property {2}",
                    o,
                    without,
                    Baseline.PROPERTY);
        }
        return without;
    }

    @Override
    public CloneBase clones(URI location, RestoreMode mode, @Nullable String id)
            throws SnapshotException {
        byte[] wanted = id(SnapshotInfo.checkedId(id));
        WarmUp.start();
        Origin o = sources.open(location);
        Image image = Image.open(o, wanted);
        SnapshotInfo info;
        try {
            image.openParents();
            info = describe(o, image.manifest(), 0, 0);
        } catch (SnapshotException e) {
            image.close();
            throw e;
        }
        return clones.open(image, info, mode, host);
    }
}
