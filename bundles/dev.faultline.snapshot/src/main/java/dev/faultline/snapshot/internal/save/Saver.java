// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import dev.faultline.api.device.StateSection;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.snapshot.internal.disk.Disk;
import dev.faultline.snapshot.internal.disk.RealPath;
import dev.faultline.snapshot.internal.format.Codec;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.Origin;
import dev.faultline.snapshot.internal.format.RamMap;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.snapshot.internal.image.ImageWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Writes a snapshot into a {@link TargetDirectory}: every file and the directory forced to disk,
 * then one rename. In steps, so that the caller decides during which the machine stands: {@link
 * #begin}, {@link #step} for each section, {@link #publish}. Closed without having published it
 * leaves nothing behind.
 */
public final class Saver implements AutoCloseable {
    private final Disk disk;
    private final Path dir;
    private final Codec codec;
    private final DoubleConsumer progress;
    private final ImageWriter.Draft draft = new ImageWriter.Draft();
    private List<Manifest.Region> regions = List.of();
    private int pages;
    private int next;
    private @Nullable TargetDirectory target;
    private @Nullable ImageWriter writer;

    public Saver(Disk disk, Path dir, Codec codec, DoubleConsumer progress) {
        this.disk = disk;
        this.dir = dir;
        this.codec = codec;
        this.progress = progress;
    }

    /**
     * Checks the target and locks it.
     *
     * @param blocks the RAM that will be saved
     */
    void begin(List<RamBlock> blocks) throws IOException, SnapshotException {
        regions = regions(blocks);
        pages = pages(regions);
        target = TargetDirectory.open(disk, dir);
    }

    /**
     * Before the first {@link #step}.
     *
     * @param parent what pages may refer to; null if they must not
     */
    void create(@Nullable Image parent) throws IOException {
        writer = new ImageWriter(disk, target().work(), 0, codec, pages, parent);
    }

    private TargetDirectory target() {
        return Objects.requireNonNull(target, "begin comes first");
    }

    private ImageWriter writer() {
        return Objects.requireNonNull(writer, "create comes first");
    }

    /** Where the snapshot will be; after {@link #begin}. */
    Path dir() {
        return target().dir();
    }

    public static List<Manifest.Region> regions(List<RamBlock> blocks) {
        return blocks.stream().map(b -> new Manifest.Region(b.name(), b.size())).toList();
    }

    static int pages(List<Manifest.Region> regions) {
        return Math.toIntExact(regions.stream().mapToLong(r -> r.bytes() / Layout.PAGE).sum());
    }

    static RamMap ramMap(List<RamBlock> blocks) {
        return new RamMap(regions(blocks), blocks.stream().mapToLong(RamBlock::hva).toArray());
    }

    /** Whether all pages were taken. */
    boolean isDone() {
        return next == pages;
    }

    /** Takes and writes the pages of the next section. */
    void step(Frozen memory) throws IOException, SnapshotException {
        int n = Math.min(Layout.SECTION, pages - next);
        if (memory.takeZero(next, n)) {
            writer().uniform(Layout.ZERO, n);
            next += n;
            progress.accept((double) next / pages);
            return;
        }
        draft.pages = n;
        for (int i = 0; i < n; i++) {
            draft.kind[i] = memory.take(next + i, draft.content, i * Layout.PAGE);
            if (draft.kind[i] == Layout.CHUNK) {
                draft.classify(i);
            }
        }
        memory.sectionTaken(next / Layout.SECTION);
        writer().section(draft);
        next += n;
        progress.accept((double) next / pages);
    }

    /**
     * Completes the files and makes them the snapshot.
     *
     * @param parent what pages of kind PARENT are in; null if there are none
     */
    Manifest publish(MachineConfig machine, List<StateSection> state, @Nullable Image parent)
            throws IOException, SnapshotException {
        ImageWriter w = writer();
        w.finish();
        w.close();
        List<String> required = new ArrayList<>();
        required.addAll(w.features());
        Manifest.Parent named = null;
        if (w.counts().parent() > 0) {
            required.add(Manifest.PARENT_FEATURE);
            named = describe(Objects.requireNonNull(parent, "there are pages of kind PARENT"));
        }
        Manifest m =
                new Manifest(
                        Instant.ofEpochMilli(System.currentTimeMillis()),
                        machine,
                        required,
                        named,
                        regions,
                        w.counts(),
                        w.index(),
                        List.of(w.pack()),
                        List.of(),
                        state,
                        w.hashes());
        target().publish(m);
        return m;
    }

    private Manifest.Parent describe(Image image) throws IOException {
        Origin held = image.origin();
        Manifest.Hashes h = image.manifest().hashes();
        byte[] root = h == null ? null : h.root();
        Path at = held.dir();
        if (at == null) {
            return new Manifest.Parent(image.manifest().id(), held.toString(), root);
        }
        Path of = RealPath.of(at);
        Path home = target().home();
        boolean near = of.getRoot().equals(home.getRoot());
        String path = (near ? home.relativize(of) : of).toString().replace('\\', '/');
        return new Manifest.Parent(image.manifest().id(), path, root);
    }

    /** Removes what was not published. */
    @Override
    public void close() throws IOException {
        try (TargetDirectory t = target) {
            if (writer != null) {
                writer.close();
            }
        }
    }
}
