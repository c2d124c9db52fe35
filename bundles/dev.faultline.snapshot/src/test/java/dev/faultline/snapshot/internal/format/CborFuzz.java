// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import dev.faultline.testkit.Fuzz;
import java.util.Arrays;

/** Fuzz target: a value has one encoding, whatever else is refused. */
public final class CborFuzz {
    private CborFuzz() {}

    public static void fuzzerTestOneInput(byte[] data) {
        Fuzz.bounded(
                data.length,
                16,
                () -> {
                    Object v;
                    try {
                        v = Cbor.decode(data, 0, data.length);
                    } catch (IllegalArgumentException e) {
                        return;
                    }
                    Fuzz.require(Arrays.equals(Cbor.encode(v), data), "a second encoding");
                });
    }
}
