// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.format.Codec;
import dev.faultline.snapshot.internal.format.Digests;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Section;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.DigestException;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.LongAdder;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The chunks of one image that were read last, unpacked and verified. A chunk whose pages lie apart
 * is read once, as long as it stays here; of two threads that want the same one the second waits
 * for the first. Any thread. The lock is held only to find an entry, never while reading.
 */
public final class Chunks {
    /** 2 MiB of content. */
    static final int ENTRIES = 32;

    /** Most chunks that one {@link #ahead} takes: the rest is for faults. */
    public static final int AHEAD = ENTRIES / 2;

    /** Bytes of the largest single read. */
    private static final int RANGE = 1 << 20;

    /** Of what is read from afar one in so many bytes may be between what is wanted. */
    private static final int WASTE = 4;

    /** Requests that are made at a time where they take long; faults make theirs besides. */
    private static final int FLYING = 8;

    /** Where the records are. */
    interface Records {
        void read(int pack, long at, byte[] to, int n) throws SnapshotException;

        /** Bytes between two records up to which it is better to read them as one range. */
        int worthwhileGap();

        SnapshotException corrupt(int pack, long offset);

        /** Whether requests take so long that several are better made at a time. */
        default boolean far() {
            return false;
        }

        /** Begins to read; of records that are {@link #far}. Cancel what is not wanted any more. */
        default Future<byte[]> start(int pack, long at, int n) {
            throw new UnsupportedOperationException();
        }

        /** How long the calling thread may wait for others; 0 or less: not any more. */
        long leftMillis();

        /** What to throw then. */
        SnapshotException late();
    }

    /** A chunk in use, between {@link #get} or {@link #ahead} and {@link #release}. */
    static final class Entry {
        private final byte[] content = new byte[Layout.GROUP * Layout.PAGE];
        private @Nullable Section section; // null: holds nothing
        private int chunk;
        private boolean loading;
        private int users;
        private long used;

        /** Verified; not to be changed. */
        byte[] content() {
            return content;
        }
    }

    /** What unpacking one chunk needs. */
    private static final class Tools {
        byte[] stored = new byte[Layout.RECORD_HEAD + Layout.GROUP * Layout.PAGE];
        final byte[] digest = new byte[Layout.DIGEST];
        final Codec.Unpacker unpacker = new Codec.Unpacker();
        final MessageDigest sha = Digests.sha256();
        final CRC32C crc = new CRC32C();
    }

    private final Records records;
    private final boolean verify;
    private final boolean keep;
    private final @Nullable Entry[] entries = new Entry[ENTRIES]; // guarded by this
    private final Pool<Tools> tools = new Pool<>(Tools::new);
    private final LongAdder read = new LongAdder();
    private long clock;

    /**
     * @param verify false: trust what is read, for measuring what trust would save
     * @param keep false: read again what is wanted again, for measuring what keeping saves
     */
    Chunks(Records records, boolean verify, boolean keep) {
        this.records = records;
        this.verify = verify;
        this.keep = keep;
    }

    /** Chunks read, not those found here. */
    long chunksRead() {
        return read.sum();
    }

    // ---- one

    /** A chunk of a section, read if it is not here. Release it. */
    Entry get(Section x, int c) throws SnapshotException {
        Entry e;
        synchronized (this) {
            e = find(x, c);
            while (e != null && e.loading) {
                await(records.leftMillis());
                e = find(x, c);
            }
            if (e != null) {
                e.users++;
                e.used = ++clock;
                return e;
            }
            e = claim(x, c);
        }
        Tools t = tools.take();
        boolean good = false;
        try {
            int n = Layout.RECORD_HEAD + x.stored(c);
            records.read(x.pack(c), x.offset(c), t.stored, n);
            unpack(t, t.stored, 0, x, c, e);
            good = true;
            return e;
        } finally {
            tools.give(t);
            done(e, good);
        }
    }

    synchronized void release(Entry e) {
        e.users--;
        if (!keep && e.users == 0) {
            e.section = null;
        }
    }

    private @Nullable Entry find(Section x, int c) {
        for (Entry e : entries) {
            if (e != null && e.section != null && x.sameRecord(c, e.section, e.chunk)) {
                return e;
            }
        }
        return null;
    }

    /** The least recently used one that nobody uses; if all are used, one that is not kept. */
    private Entry claim(Section x, int c) {
        Entry oldest = null;
        for (int i = 0; i < ENTRIES; i++) {
            Entry e = entries[i];
            if (e == null) {
                e = new Entry();
                entries[i] = e;
            }
            if (e.users == 0 && (oldest == null || e.used < oldest.used)) {
                oldest = e;
            }
            if (e.section == null && e.users == 0) {
                oldest = e;
                break;
            }
        }
        Entry e = oldest == null ? new Entry() : oldest;
        e.section = x;
        e.chunk = c;
        e.loading = true;
        e.users = 1;
        e.used = ++clock;
        return e;
    }

    private synchronized void done(Entry e, boolean good) {
        e.loading = false;
        if (!good) {
            e.section = null;
            e.users = 0;
            e.used = 0;
        }
        notifyAll();
    }

    /** Returns when a chunk came, or did not. */
    private void await(long millis) throws SnapshotException {
        if (millis <= 0) {
            throw records.late();
        }
        try {
            wait(millis);
        } catch (InterruptedException x) {
            Thread.currentThread().interrupt();
            throw records.late();
        }
    }

    // ---- several

    /**
     * Reads several chunks, those that lie close together at once.
     *
     * @param x sections of the chunks; each chunk once, ascending by pack and offset
     * @param n how many, at most {@link #AHEAD}
     * @param out gets the entries, to be released; null where another thread is reading that chunk
     *     now
     */
    void ahead(Section[] x, int[] c, int n, @Nullable Entry[] out) throws SnapshotException {
        @Nullable Entry[] mine = new Entry[n]; // to be read here
        synchronized (this) {
            for (int i = 0; i < n; i++) {
                Entry e = find(x[i], c[i]);
                if (e == null) {
                    e = claim(x[i], c[i]);
                    mine[i] = e;
                } else if (e.loading) {
                    e = null;
                } else {
                    e.users++;
                    e.used = ++clock;
                }
                out[i] = e;
            }
        }
        List<Range> ranges = ranges(x, c, n, mine);
        Deque<Future<byte[]>> flying = new ArrayDeque<>();
        Tools t = tools.take();
        boolean good = false;
        try {
            boolean far = ranges.size() > 1 && records.far();
            for (int r = 0, started = 0; r < ranges.size(); r++) {
                for (; far && started < Math.min(ranges.size(), r + FLYING); started++) {
                    Range next = ranges.get(started);
                    flying.add(records.start(next.pack, next.at, next.bytes));
                }
                Range range = ranges.get(r);
                byte[] b = far ? landed(flying.remove()) : read(t, range);
                for (int i = range.first; i <= range.last; i++) {
                    Entry e = mine[i];
                    if (e == null) {
                        continue; // not in a range
                    }
                    unpack(t, b, (int) (x[i].offset(c[i]) - range.at), x[i], c[i], e);
                    done(e, true); // who waits for this one need not wait for the others
                    mine[i] = null;
                }
            }
            good = true;
        } finally {
            tools.give(t);
            if (!good) {
                flying.forEach(f -> f.cancel(true));
                giveBack(out, mine, n);
            }
        }
    }

    /** Chunks that are read at once. */
    private record Range(int first, int last, int pack, long at, int bytes) {}

    private List<Range> ranges(Section[] x, int[] c, int n, @Nullable Entry[] mine) {
        List<Range> ranges = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            if (mine[i] == null) {
                continue;
            }
            int last = i;
            while (last + 1 < n && mine[last + 1] != null && near(x, c, i, last + 1)) {
                last++;
            }
            long at = x[i].offset(c[i]);
            ranges.add(new Range(i, last, x[i].pack(c[i]), at, (int) (end(x, c, last) - at)));
            i = last;
        }
        return ranges;
    }

    private byte[] read(Tools t, Range r) throws SnapshotException {
        if (t.stored.length < r.bytes) {
            t.stored = new byte[r.bytes];
        }
        records.read(r.pack, r.at, t.stored, r.bytes);
        return t.stored;
    }

    private byte[] landed(Future<byte[]> f) throws SnapshotException {
        try {
            return f.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            f.cancel(true);
            throw records.late();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof SnapshotException s) {
                throw s;
            }
            throw new IllegalStateException(e.getCause());
        }
    }

    /** After a failure: nobody gets any of them. Those that are still ours were not read. */
    private void giveBack(@Nullable Entry[] out, @Nullable Entry[] mine, int n) {
        for (int i = 0; i < n; i++) {
            Entry e = out[i];
            if (e != null && mine[i] != null) {
                done(e, false);
            } else if (e != null) {
                release(e);
            }
            out[i] = null;
        }
    }

    private static long end(Section[] x, int[] c, int i) {
        return x[i].offset(c[i]) + Layout.RECORD_HEAD + x[i].stored(c[i]);
    }

    private boolean near(Section[] x, int[] c, int first, int i) {
        long gap = x[i].offset(c[i]) - end(x, c, i - 1);
        long all = end(x, c, i) - x[first].offset(c[first]);
        if (x[i].pack(c[i]) != x[first].pack(c[first])
                || gap < 0
                || gap > records.worthwhileGap()
                || all > RANGE) {
            return false;
        }
        long wanted = 0;
        for (int j = first; j <= i; j++) {
            wanted += Layout.RECORD_HEAD + x[j].stored(c[j]);
        }
        return !records.far() || (all - wanted) * WASTE <= wanted;
    }

    // ---- trust

    /** The record at {@code at} of what was read, into the entry. */
    private void unpack(Tools t, byte[] from, int at, Section x, int c, Entry e)
            throws SnapshotException {
        int stored = x.stored(c);
        int n = x.chunkPages(c) * Layout.PAGE;
        ByteBuffer h = ByteBuffer.wrap(from).order(ByteOrder.LITTLE_ENDIAN);
        boolean good =
                h.getInt(at) == Layout.RECORD_MAGIC
                        && h.get(at + 4) == x.codec(c).ordinal()
                        && h.get(at + 5) == x.chunkPages(c)
                        && h.getShort(at + 6) == 0
                        && h.getInt(at + 8) == stored
                        && (!verify || h.getInt(at + 12) == crc(t, from, at, stored))
                        && t.unpacker.unpack(
                                x.codec(c), from, at + Layout.RECORD_HEAD, stored, e.content, n)
                        && (!verify || x.hasDigest(c, hash(t, e.content, n)));
        if (!good) {
            throw records.corrupt(x.pack(c), x.offset(c));
        }
        read.increment();
    }

    /** CRC32C of a record: its head up to the checksum, and the payload. */
    private static int crc(Tools t, byte[] from, int at, int stored) {
        t.crc.reset();
        t.crc.update(from, at, 12);
        t.crc.update(from, at + Layout.RECORD_HEAD, stored);
        return (int) t.crc.getValue();
    }

    /** The same for a record that is about to be written, alone in its array. */
    static int recordCrc(byte[] record, int stored) {
        CRC32C c = new CRC32C();
        c.update(record, 0, 12);
        c.update(record, Layout.RECORD_HEAD, stored);
        return (int) c.getValue();
    }

    private static byte[] hash(Tools t, byte[] content, int n) {
        try {
            t.sha.update(content, 0, n);
            t.sha.digest(t.digest, 0, Layout.DIGEST);
        } catch (DigestException x) {
            throw new IllegalStateException("SHA-256 has 32 bytes", x);
        }
        return t.digest;
    }

    /** Gives the memory back; what is in use stays good for its users. */
    synchronized void close() {
        java.util.Arrays.fill(entries, null);
        tools.clear();
    }
}
