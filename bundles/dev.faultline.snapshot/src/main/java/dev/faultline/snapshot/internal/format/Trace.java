// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import dev.faultline.api.protection.Rights;
import dev.faultline.api.snapshot.RestoreOptions.Window;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.disk.Disk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * What the last recordings say about the pages that a guest needs first: in how many of them each
 * was touched, when on average, and how. Immutable. Advice: it is neither covered by the snapshot's
 * id nor trusted, and one that makes no sense counts as none.
 *
 * <p>On disk, little endian: magic, u32 version, u32 entries, u32 recordings, u32 zero; per entry
 * u32 page, u32 position, u16 seen, u8 access, u8 zero; u32 CRC32C of all before.
 */
public final class Trace {
    private static final System.Logger LOG = System.getLogger(Trace.class.getName());

    public static final Trace NONE = new Trace(0, new Entry[0]);

    static final int VERSION = 2;

    /** How many of the last recordings count. */
    static final int RECORDINGS = 8;

    /** Positions are kept in sixteenths, so that means of small numbers do not collapse. */
    private static final int FINE = 16;

    private static final int HEAD = 24;
    private static final int ENTRY = 12;
    private static final int MAX_BYTES = HEAD + ENTRY * Window.MAX_PAGES + 4;

    /**
     * @param position mean place in the order of first touches, in sixteenths
     * @param seen bit i: touched in the recording before the last i ones
     * @param access first access in the latest of them: {@link Rights#R}, W or X
     */
    public record Entry(int page, int position, int seen, int access) {
        private int times() {
            return Integer.bitCount(seen);
        }

        /** What falls out was touched once, and that three or more recordings ago. */
        private boolean stays() {
            return times() > 1 || (seen & 7) != 0;
        }
    }

    private final int recordings;
    private final Entry[] entries;

    private Trace(int recordings, Entry[] entries) {
        this.recordings = recordings;
        this.entries = entries;
    }

    /** For tests. */
    public int recordings() {
        return recordings;
    }

    public int size() {
        return entries.length;
    }

    /** For tests. */
    public Entry entry(int i) {
        return entries[i];
    }

    /**
     * The pages that the next run is likely to touch, in the order expected: those in at least a
     * third of the recordings that count, or in both of the last two. Of a Linux guest recorded
     * three times that foretells 98.7 % of what a fourth run touches, and 92 % of it come true;
     * half of the recordings foretold 95.8 %.
     *
     * @param limit pages of the snapshot; others are left out, and of repeated ones all but the
     *     first
     */
    public int[] likely(int limit) {
        Set<Integer> known = new HashSet<>();
        int[] out = new int[entries.length];
        int n = 0;
        for (Entry e : entries) {
            boolean likely = 3 * e.times() >= recordings || (e.seen() & 3) == 3;
            if (likely && e.page() < limit && known.add(e.page())) {
                out[n++] = e.page();
            }
        }
        return Arrays.copyOf(out, n);
    }

    /**
     * @param order first touches as {@link Recording#entries} gives them
     */
    public Trace merged(int[] order) {
        Map<Integer, Entry> all = new HashMap<>();
        for (Entry e : entries) {
            Entry old =
                    new Entry(
                            e.page(),
                            e.position(),
                            e.seen() << 1 & (1 << RECORDINGS) - 1,
                            e.access());
            if (old.stays()) {
                all.putIfAbsent(e.page(), old);
            }
        }
        for (int i = 0; i < order.length; i++) {
            int page = Recording.page(order[i]);
            Entry old = all.get(page);
            int times = 0;
            int seen = 1;
            long sum = (long) i * FINE;
            if (old != null) {
                times = old.times();
                seen |= old.seen();
                sum += (long) old.position() * times;
            }
            int mean = (int) (sum / (times + 1));
            all.put(page, new Entry(page, mean, seen, Recording.access(order[i])));
        }
        Entry[] sorted = all.values().toArray(Entry[]::new);
        Arrays.sort(
                sorted,
                (a, b) ->
                        a.position() != b.position()
                                ? Integer.compare(a.position(), b.position())
                                : Integer.compare(a.page(), b.page()));
        int n = Math.min(sorted.length, Window.MAX_PAGES);
        return new Trace(Math.min(recordings + 1, RECORDINGS), Arrays.copyOf(sorted, n));
    }

    // ---- on disk

    /** Whether there is one, as far as its place tells: whatever else it answers means no. */
    public static boolean exists(Origin of) {
        try {
            return of.has(Layout.TRACE);
        } catch (SnapshotException e) {
            LOG.log(System.Logger.Level.DEBUG, "no trace: {0}", e.getMessage());
            return false;
        }
    }

    /**
     * The trace beside a snapshot, {@link #NONE} if there is none that makes sense, or its place
     * does not give it.
     */
    public static Trace read(Origin of) {
        try {
            return of.has(Layout.TRACE) ? readAll(of) : NONE;
        } catch (SnapshotException e) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "the trace of snapshot {0} is not used: {1}",
                    of,
                    e.getMessage());
            return NONE;
        }
    }

    /**
     * The trace beside a snapshot, for who will replace it: {@link #NONE} only if there is none, or
     * what was read in full makes no sense.
     *
     * @param dir where {@code of} reads
     * @throws SnapshotException if there may be one that its place does not give now
     */
    public static Trace readToReplace(Path dir, Origin of) throws SnapshotException {
        Path file = dir.resolve(Layout.TRACE);
        return Files.notExists(file, LinkOption.NOFOLLOW_LINKS) ? NONE : readAll(of);
    }

    private static Trace readAll(Origin of) throws SnapshotException {
        long size = of.length(Layout.TRACE);
        if (size > MAX_BYTES) {
            return NONE;
        }
        byte[] file = new byte[(int) size];
        of.read(Layout.TRACE, 0, file, 0, file.length);
        return parse(file);
    }

    public static Trace parse(byte[] file) {
        if (file.length < HEAD + 4 || file.length > MAX_BYTES) {
            return NONE;
        }
        ByteBuffer b = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        boolean good =
                b.getLong() == Layout.TRACE_MAGIC
                        && b.getInt() == VERSION
                        && b.getInt() == (file.length - HEAD - 4) / ENTRY
                        && (file.length - HEAD - 4) % ENTRY == 0
                        && b.getInt(file.length - 4) == Digests.crc32c(file, 0, file.length - 4);
        int recordings = b.getInt(16);
        if (!good || recordings < 1 || recordings > RECORDINGS || b.getInt(20) != 0) {
            return NONE;
        }
        b.position(HEAD);
        Entry[] entries = new Entry[(file.length - HEAD - 4) / ENTRY];
        for (int i = 0; i < entries.length; i++) {
            Entry e = new Entry(b.getInt(), b.getInt(), b.getShort() & 0xFFFF, b.get());
            boolean sane =
                    e.page() >= 0
                            && e.page() < 1 << 30
                            && e.position() >= (i == 0 ? 0 : entries[i - 1].position())
                            && e.seen() != 0
                            && e.seen() < 1 << RECORDINGS
                            && (e.access() == Rights.R
                                    || e.access() == Rights.W
                                    || e.access() == Rights.X)
                            && b.get() == 0;
            if (!sane) {
                return NONE;
            }
            entries[i] = e;
        }
        return new Trace(recordings, entries);
    }

    public byte[] encode() {
        ByteBuffer b =
                ByteBuffer.allocate(HEAD + ENTRY * entries.length + 4)
                        .order(ByteOrder.LITTLE_ENDIAN);
        b.putLong(Layout.TRACE_MAGIC).putInt(VERSION).putInt(entries.length);
        b.putInt(recordings).putInt(0);
        for (Entry e : entries) {
            b.putInt(e.page()).putInt(e.position()).putShort((short) e.seen());
            b.put((byte) e.access()).put((byte) 0);
        }
        return b.putInt(Digests.crc32c(b.array(), 0, b.position())).array();
    }

    /** Replaces the trace beside a snapshot: after a crash there is the old one or the new one. */
    public void write(Disk disk, Path dir) throws IOException {
        Path fresh = dir.resolve(Layout.TRACE + ".new");
        disk.delete(fresh);
        try (Disk.Out out = disk.create(fresh)) {
            out.write(ByteBuffer.wrap(encode()));
            out.force();
        } catch (IOException e) {
            disk.delete(fresh);
            throw e;
        }
        disk.move(fresh, dir.resolve(Layout.TRACE));
        disk.force(dir);
    }
}
