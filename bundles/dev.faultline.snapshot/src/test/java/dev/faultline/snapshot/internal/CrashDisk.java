// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.snapshot.internal.disk.Disk;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Passes on to the real file system, keeps a log, and can play any prefix of it again as a power
 * cut would leave it: what was not forced may be there or not. Also fails at a chosen operation, as
 * a full disk does. One thread.
 */
final class CrashDisk implements Disk {
    private sealed interface Op {
        record Create(Path file) implements Op {}

        record Write(Path file, byte[] bytes) implements Op {}

        record Force(Path file) implements Op {}

        record Move(Path from, Path to) implements Op {}

        record MakeDirectory(Path dir) implements Op {}

        record Delete(Path file) implements Op {}
    }

    /** What becomes of what was not forced. */
    enum Unforced {
        KEPT,
        LOST,
        TORN
    }

    private final List<Op> log = new ArrayList<>();
    private final int failAt;
    private int done;

    CrashDisk() {
        this(Integer.MAX_VALUE);
    }

    /**
     * @param failAt number of the first operation that fails for want of space; deletions work
     */
    CrashDisk(int failAt) {
        this.failAt = failAt;
    }

    int operations() {
        return log.size();
    }

    /** Numbers of the operations that rename. */
    List<Integer> moves() {
        return IntStream.range(0, log.size())
                .filter(i -> log.get(i) instanceof Op.Move)
                .boxed()
                .toList();
    }

    /** What was forced, in that order. */
    List<Path> forced() {
        return log.stream()
                .filter(Op.Force.class::isInstance)
                .map(o -> ((Op.Force) o).file())
                .toList();
    }

    private void step(Op op) throws IOException {
        if (done++ >= failAt && !(op instanceof Op.Delete)) {
            throw new IOException("No space left on device");
        }
        log.add(op);
    }

    @Override
    public Out create(Path file) throws IOException {
        step(new Op.Create(file));
        Out real = REAL.create(file);
        return new Out() {
            @Override
            public void write(ByteBuffer b) throws IOException {
                byte[] bytes = new byte[b.remaining()];
                b.duplicate().get(bytes);
                step(new Op.Write(file, bytes));
                real.write(b);
            }

            @Override
            public void force() throws IOException {
                step(new Op.Force(file));
            }

            @Override
            public void close() throws IOException {
                real.close();
            }
        };
    }

    @Override
    public void directory(Path dir, boolean owned) throws IOException {
        if (Files.exists(dir)) {
            throw new java.nio.file.FileAlreadyExistsException(dir.toString());
        }
        step(new Op.MakeDirectory(dir));
        REAL.directory(dir, owned);
    }

    @Override
    public void move(Path from, Path to) throws IOException {
        step(new Op.Move(from, to));
        REAL.move(from, to);
    }

    @Override
    public void force(Path directory) throws IOException {
        step(new Op.Force(directory));
    }

    @Override
    public void delete(Path file) throws IOException {
        step(new Op.Delete(file));
        REAL.delete(file);
    }

    /**
     * Plays the first {@code n} operations into {@code to}, which stands for {@code from} and holds
     * what was there before.
     *
     * @param namesLost renames and deletions in directories that were not forced since did not
     *     happen
     */
    void replay(Path from, Path to, int n, Unforced unforced, boolean namesLost)
            throws IOException {
        Map<Path, ByteArrayOutputStream> content = new HashMap<>();
        Map<Path, Integer> forced = new HashMap<>();
        Set<Integer> lost = namesLost ? unforcedNames(n) : Set.of();
        for (int i = 0; i < n; i++) {
            switch (log.get(i)) {
                case Op.MakeDirectory m -> Files.createDirectories(at(m.dir(), from, to));
                case Op.Create c -> {
                    content.put(c.file(), new ByteArrayOutputStream());
                    forced.put(c.file(), 0);
                    Files.createFile(at(c.file(), from, to));
                }
                case Op.Write w -> {
                    content.get(w.file()).writeBytes(w.bytes());
                    Files.write(at(w.file(), from, to), w.bytes(), StandardOpenOption.APPEND);
                }
                case Op.Force f ->
                        forced.computeIfPresent(f.file(), (k, v) -> content.get(k).size());
                case Op.Delete d -> {
                    if (!lost.contains(i)) {
                        Files.deleteIfExists(at(d.file(), from, to));
                    }
                }
                case Op.Move m -> {
                    if (!lost.contains(i)) {
                        cut(content, forced, m.from(), unforced, from, to);
                        REAL.move(at(m.from(), from, to), at(m.to(), from, to));
                    }
                }
            }
        }
        for (Path p : content.keySet()) {
            cut(content, forced, p, unforced, from, to);
        }
    }

    /** Takes from the files at or below {@code root} what was not forced. */
    private static void cut(
            Map<Path, ByteArrayOutputStream> content,
            Map<Path, Integer> forced,
            Path root,
            Unforced unforced,
            Path from,
            Path to)
            throws IOException {
        for (Path p : content.keySet()) {
            Path file = at(p, from, to);
            if (p.startsWith(root) && Files.exists(file) && unforced != Unforced.KEPT) {
                byte[] all = content.get(p).toByteArray();
                int safe = forced.get(p);
                int left = unforced == Unforced.LOST ? safe : safe + (all.length - safe) / 2;
                Files.write(file, java.util.Arrays.copyOf(all, left));
            }
        }
    }

    private Set<Integer> unforcedNames(int n) {
        Set<Integer> lost = new HashSet<>();
        for (int i = 0; i < n; i++) {
            Path dir =
                    switch (log.get(i)) {
                        case Op.Move m -> m.to().getParent();
                        case Op.Delete d -> d.file().getParent();
                        default -> null;
                    };
            if (dir != null && !log.subList(i, n).contains(new Op.Force(dir))) {
                lost.add(i);
            }
        }
        return lost;
    }

    private static Path at(Path p, Path from, Path to) {
        return to.resolve(from.relativize(p));
    }
}
