// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.snapshot.internal.format.Codec;
import dev.faultline.snapshot.internal.format.Digests;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.Section;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Has the JVM compile what a fault runs before there is one: interpreted, the hash of a single
 * chunk takes 15 ms, compiled 40 us, and a guest's first faults come before the compiler. Reads a
 * chunk from memory some dozen times, once per process, on a thread of its own.
 */
public final class WarmUp implements Chunks.Records {
    private static final AtomicBoolean STARTED = new AtomicBoolean();

    /** The compiler has seen enough after fewer; a slow host stops earlier. */
    private static final int ROUNDS = 200;

    private static final long LIMIT_NANOS = 500_000_000;

    private final byte[] record;
    private final Section section;

    private WarmUp() {
        byte[] content = new byte[Layout.GROUP * Layout.PAGE];
        Random r = new Random(1);
        for (int at = 0; at < content.length; at++) {
            // About as compressible as memory is: runs of zero, repeats, noise.
            content[at] = (byte) (at % 256 < 96 ? 0 : at % 256 < 200 ? at % 13 : r.nextInt());
        }
        Codec.Packer p = new Codec.Packer(Codec.LZ4);
        int bytes = p.pack(content, content.length);
        ByteBuffer b = little(Layout.RECORD_HEAD + bytes);
        b.putInt(Layout.RECORD_MAGIC).put((byte) Codec.LZ4.ordinal()).put((byte) Layout.GROUP);
        b.putShort((short) 0).putInt(bytes).putInt(0).put(p.out(), 0, bytes);
        record = b.array();
        b.putInt(12, Chunks.recordCrc(record, bytes));
        section = section(bytes, Digests.sha256().digest(content));
    }

    private static ByteBuffer little(int n) {
        return ByteBuffer.allocate(n).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static Section section(int bytes, byte[] digest) {
        ByteBuffer b = little(Section.size(Layout.GROUP, 1));
        b.putShort((short) Layout.GROUP).putShort((short) 1).putInt(0);
        for (int p = 0; p < Layout.GROUP; p++) {
            b.put((byte) Layout.CHUNK).put((byte) p).putShort((short) 0).putLong(0);
        }
        b.putLong(Layout.HEAD).putInt(bytes).putShort((short) 0);
        b.put((byte) Codec.LZ4.ordinal()).put((byte) Layout.GROUP).put(digest);
        b.putInt(4, Digests.crc32c(b.array(), 8, b.capacity() - 8));
        Manifest.Pack pack = new Manifest.Pack(Layout.PACK + 0, 1 << 20);
        return Section.of(b.array(), Layout.GROUP, List.of(pack), false);
    }

    /** Begins, unless that was done in this process. Returns at once. */
    public static void start() {
        if (STARTED.compareAndSet(false, true)) {
            Thread.ofPlatform()
                    .daemon()
                    .name("snapshot-warm-up")
                    .priority(Thread.MIN_PRIORITY)
                    .start(() -> new WarmUp().run());
        }
    }

    /** For tests: here and now. Returns how many rounds it made. */
    static int runNow() {
        return new WarmUp().run();
    }

    private int run() {
        long end = System.nanoTime() + LIMIT_NANOS;
        Chunks chunks = new Chunks(this, true, false);
        int n = 0;
        try {
            while (n < ROUNDS && System.nanoTime() - end < 0) {
                chunks.release(chunks.get(section, 0));
                n++;
            }
        } catch (SnapshotException e) {
            throw new IllegalStateException("a chunk made in memory is not good", e);
        }
        return n;
    }

    @Override
    public void read(int pack, long at, byte[] to, int n) {
        System.arraycopy(record, 0, to, 0, n);
    }

    @Override
    public int worthwhileGap() {
        return 0;
    }

    @Override
    public SnapshotException corrupt(int pack, long offset) {
        return new SnapshotException(Kind.CORRUPT, "a chunk made in memory");
    }

    @Override
    public long leftMillis() {
        return LIMIT_NANOS / 1_000_000; // nobody else is here
    }

    @Override
    public SnapshotException late() {
        return new SnapshotException(Kind.SOURCE, "a chunk made in memory");
    }
}
