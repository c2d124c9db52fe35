// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.testkit.Fuzz;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Fuzz target: the body of a manifest, with good checksums, or a whole one as it is. */
public final class ManifestFuzz {
    private ManifestFuzz() {}

    public static void fuzzerTestOneInput(byte[] data) {
        boolean whole = data.length >= 4 && data[0] == 'F' && data[1] == 'L' && data[2] == 'T';
        byte[] file = whole ? data : file(data);
        Fuzz.bounded(
                data.length,
                16,
                () -> {
                    Manifest m;
                    try {
                        m = Manifest.decode(file, "fuzz");
                    } catch (SnapshotException e) {
                        Fuzz.oneLine(e);
                        return;
                    }
                    byte[] again = m.encode();
                    byte[] third = Manifest.decode(again, "fuzz").encode();
                    Fuzz.require(Arrays.equals(again, third), "not stable");
                    Fuzz.require(m.pages() >= 0 && m.pages() <= 1 << 30, "pages " + m.pages());
                });
    }

    /** A file around a body. */
    static byte[] file(byte[] body) {
        ByteBuffer b =
                ByteBuffer.allocate(Layout.HEAD + body.length + 4 + Layout.DIGEST)
                        .order(ByteOrder.LITTLE_ENDIAN);
        b.put(Layout.MAGIC).putInt(Layout.VERSION).putInt(body.length).put(body);
        b.putInt(Digests.crc32c(b.array(), 0, b.position()));
        return b.put(Digests.sha256().digest(body)).array();
    }
}
