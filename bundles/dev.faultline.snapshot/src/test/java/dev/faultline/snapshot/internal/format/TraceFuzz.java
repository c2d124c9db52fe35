// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import dev.faultline.testkit.Fuzz;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.stream.IntStream;

/** Fuzz target: a trace, as it is and with a good checksum. */
public final class TraceFuzz {
    private static final int LIMIT = 5000;

    private TraceFuzz() {}

    public static void fuzzerTestOneInput(byte[] data) {
        check(data);
        if (data.length >= 4) {
            byte[] sealed = data.clone();
            ByteBuffer.wrap(sealed)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(data.length - 4, Digests.crc32c(sealed, 0, data.length - 4));
            check(sealed);
        }
    }

    private static void check(byte[] file) {
        Fuzz.bounded(
                file.length,
                64,
                () -> {
                    Trace t = Trace.parse(file);
                    int[] likely = t.likely(LIMIT);
                    Fuzz.require(
                            IntStream.of(likely).distinct().count() == likely.length
                                    && IntStream.of(likely).allMatch(p -> p >= 0 && p < LIMIT),
                            "pages twice or beyond the end");
                    Fuzz.require(
                            t == Trace.NONE || Arrays.equals(t.encode(), file),
                            "a second encoding");
                    Trace.parse(t.merged(new int[0]).encode());
                });
    }
}
