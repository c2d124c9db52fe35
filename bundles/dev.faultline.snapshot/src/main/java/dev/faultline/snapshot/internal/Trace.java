// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.BitSet;

/**
 * The first-touch order beside a snapshot. Advisory: what does not make sense in it is left out.
 */
record Trace(Origin origin) {
    static Trace of(Path dir) {
        return new Trace(new LocalOrigin(dir));
    }

    static Trace of(Origin origin) {
        return new Trace(origin);
    }

    boolean exists() throws SnapshotException {
        return origin.has(Layout.TRACE);
    }

    /** Page numbers below {@code limit}, each once, in recorded order. */
    int[] pages(int limit) throws SnapshotException {
        long size = origin.length(Layout.TRACE);
        if (size < 8 || size > 8L + 4L * Layout.MAX_TRACE) {
            return new int[0];
        }
        byte[] bytes = new byte[(int) size];
        origin.read(Layout.TRACE, 0, bytes, 0, bytes.length);
        ByteBuffer b = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        if (b.getLong() != Layout.TRACE_MAGIC) {
            return new int[0];
        }
        BitSet seen = new BitSet();
        int[] out = new int[b.remaining() / 4];
        int n = 0;
        while (b.remaining() >= 4) {
            int p = b.getInt();
            if (p >= 0 && p < limit && !seen.get(p)) {
                seen.set(p);
                out[n++] = p;
            }
        }
        return Arrays.copyOf(out, n);
    }

    void save(int[] order, int n) throws SnapshotException {
        if (origin.dir() == null) {
            throw new SnapshotException(
                    Kind.MISMATCH,
                    "a recording is written beside the snapshot, but %s is read-only; restore a copy in a local directory"
                            .formatted(origin));
        }
        Path file = origin.dir().resolve(Layout.TRACE);
        ByteBuffer b = ByteBuffer.allocate(8 + 4 * n).order(ByteOrder.LITTLE_ENDIAN);
        b.putLong(Layout.TRACE_MAGIC);
        for (int i = 0; i < n; i++) {
            b.putInt(order[i]);
        }
        try {
            Path t = file.resolveSibling(file.getFileName() + ".new");
            Files.write(t, b.array());
            Files.move(
                    t, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new SnapshotException(Kind.IO, "trace " + file + ": " + e.getMessage(), e);
        }
    }
}
