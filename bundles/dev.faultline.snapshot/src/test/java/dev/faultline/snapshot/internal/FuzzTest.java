// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.snapshot.internal.format.Cbor;
import dev.faultline.snapshot.internal.format.CborFuzz;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.ManifestFuzz;
import dev.faultline.snapshot.internal.format.TraceFuzz;
import dev.faultline.snapshot.internal.image.ChunkFuzz;
import dev.faultline.snapshot.internal.image.IndexFuzz;
import dev.faultline.testkit.Fuzz;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The fuzz targets over real inputs, what campaigns found ({@code src/test/resources/fuzz/TARGET}),
 * and seeded mutations of both; {@code -Dfaultline.fuzz=N} for more.
 */
class FuzzTest {
    private static final int ROUNDS = Integer.getInteger("faultline.fuzz", 150);

    @TempDir static Path scratch;

    private static Consumer<byte[]> target(String name) {
        return switch (name) {
            case "Cbor" -> CborFuzz::fuzzerTestOneInput;
            case "Manifest" -> ManifestFuzz::fuzzerTestOneInput;
            case "Index" -> IndexFuzz::fuzzerTestOneInput;
            case "Chunk" -> ChunkFuzz::fuzzerTestOneInput;
            default -> TraceFuzz::fuzzerTestOneInput;
        };
    }

    @ParameterizedTest
    @ValueSource(strings = {"Cbor", "Manifest", "Index", "Chunk", "Trace"})
    void theTargetsHold(String name) throws Exception {
        Fuzz.run(
                target(name),
                FuzzSeeds.of(name, scratch.resolve(name)),
                Path.of("src/test/resources/fuzz", name),
                ROUNDS);
    }

    // ---- what costs the most heap for its size

    /** What a hostile snapshot says reaches people as one line. */
    @Test
    void hostileWordsAreNotPrintedAsTheyAre() {
        for (String word : new String[] {"a\nb", "\u001b[2Jx", "y".repeat(100_000)}) {
            Map<String, Object> m = new TreeMap<>();
            m.put("required", List.of(word));
            ManifestFuzz.fuzzerTestOneInput(Cbor.encode(m));
            ManifestFuzz.fuzzerTestOneInput(Cbor.encode(Map.of(word, 1)));
            m.put("required", List.of());
            m.put("machine", Map.of("name", word));
            ManifestFuzz.fuzzerTestOneInput(Cbor.encode(m));
        }
    }

    private static byte[] repeated(int head, int value, int n) {
        byte[] b = new byte[5 + n];
        b[0] = (byte) (head << 5 | 26);
        java.nio.ByteBuffer.wrap(b).putInt(1, n);
        Arrays.fill(b, 5, b.length, (byte) value);
        return b;
    }

    @Test
    void aManifestOfTheLargestSizeCostsBoundedHeap() {
        int n = Layout.MAX_MANIFEST - 5;
        for (int value : new int[] {0xA0, 0x60, 0x00, 0x81}) {
            ManifestFuzz.fuzzerTestOneInput(repeated(4, value, n));
        }
        byte[] text = repeated(3, 'x', n);
        ManifestFuzz.fuzzerTestOneInput(text);
        ManifestFuzz.fuzzerTestOneInput(repeated(2, 7, n));
        byte[] names = new byte[Layout.MAX_MANIFEST];
        names[0] = (byte) 0xBA; // a map of very many keys of 4 bytes with empty maps
        java.nio.ByteBuffer.wrap(names).putInt(1, (names.length - 5) / 6);
        for (int i = 0, at = 5; at + 6 <= names.length; i++, at += 6) {
            names[at] = 0x64;
            for (int k = 0; k < 4; k++) {
                names[at + 1 + k] = (byte) ('A' + (i >> 4 * (3 - k) & 15));
            }
            names[at + 5] = (byte) 0xA0;
        }
        ManifestFuzz.fuzzerTestOneInput(names);
        assertThat(names[5]).isEqualTo((byte) 0x64);
    }
}
