// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.Origin;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * What of a snapshot is looked at before it counts as open: its manifest, and that the files are of
 * its lengths and kinds. Without state: any thread.
 */
final class Heads {
    private static final int MOST_LOOKS = 10;

    private Heads() {}

    /**
     * The manifest, with files that are as it says. A compaction in another process may replace it
     * and delete the former files between two looks: then it is another manifest, and one looks
     * again.
     */
    static Manifest consistent(Origin origin) throws SnapshotException {
        Manifest m = Manifest.read(origin);
        for (int again = 0; ; again++) {
            try {
                check(origin, m);
                return m;
            } catch (SnapshotException e) {
                boolean gone =
                        e.kind() == Kind.MISSING
                                || e.kind() == Kind.TRUNCATED
                                || e.kind() == Kind.CORRUPT;
                Manifest now = gone && again < MOST_LOOKS ? Manifest.read(origin) : m;
                if (Arrays.equals(now.id(), m.id())) {
                    throw e;
                }
                m = now;
            }
        }
    }

    /** That index and packs are there, as long as the manifest says, and start as such files do. */
    static void check(Origin origin, Manifest m) throws SnapshotException {
        checkHead(origin, m.index().name(), m.index().bytes(), Layout.INDEX_MAGIC);
        for (Manifest.Pack p : m.packs()) {
            checkHead(origin, p.name(), p.bytes(), Layout.PACK_MAGIC);
        }
    }

    /** The same of the file of hashes. */
    static void checkHashes(Origin origin, Manifest.Hashes h) throws SnapshotException {
        checkHead(origin, h.name(), h.bytes(), Layout.HASHES_MAGIC);
    }

    private static void checkHead(Origin origin, String name, long want, byte[] magic)
            throws SnapshotException {
        long is = origin.length(name);
        if (is != want) {
            throw new SnapshotException(
                    is < want ? Kind.TRUNCATED : Kind.CORRUPT,
                    "%s of snapshot %s has %d bytes, its manifest says %d"
                            .formatted(name, origin, is, want));
        }
        byte[] head = new byte[Layout.HEAD];
        origin.read(name, 0, head, 0, Layout.HEAD);
        byte[] good =
                ByteBuffer.allocate(Layout.HEAD)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .put(magic)
                        .putInt(Layout.VERSION)
                        .array();
        if (!Arrays.equals(head, good)) {
            throw Manifest.corrupt(origin.toString(), name + " does not start as such a file does");
        }
    }
}
