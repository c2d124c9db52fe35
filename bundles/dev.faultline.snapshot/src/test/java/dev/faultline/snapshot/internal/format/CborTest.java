// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CborTest {
    private static String hex(Object v) {
        return HexFormat.of().formatHex(Cbor.encode(v));
    }

    private static Object decode(String hex) {
        byte[] b = HexFormat.of().parseHex(hex);
        return Cbor.decode(b, 0, b.length);
    }

    /** Values and encodings of RFC 8949, appendix A. */
    @Test
    void theExamplesOfTheStandard() {
        assertThat(hex(23L)).isEqualTo("17");
        assertThat(hex(24L)).isEqualTo("1818");
        assertThat(hex(1000L)).isEqualTo("1903e8");
        assertThat(hex(1_000_000L)).isEqualTo("1a000f4240");
        assertThat(hex(1_000_000_000_000L)).isEqualTo("1b000000e8d4a51000");
        assertThat(hex(-1000L)).isEqualTo("3903e7");
        assertThat(hex("ü")).isEqualTo("62c3bc");
        assertThat(hex(new byte[] {1, 2, 3, 4})).isEqualTo("4401020304");
        assertThat(hex(List.of(1, List.of(2, 3)))).isEqualTo("8201820203");
        assertThat(hex(Map.of("b", List.of(2, 3), "a", 1))).isEqualTo("a26161016162820203");
        assertThat(hex(Map.of("aa", 1, "b", 2))).isEqualTo("a261620262616101");
    }

    @Test
    void extremesComeBack() {
        for (long v :
                new long[] {
                    0, -1, Long.MAX_VALUE, Long.MIN_VALUE, 255, 256, 65535, 65536, -257, 1L << 32
                }) {
            assertThat(decode(hex(v))).isEqualTo(v);
        }
    }

    /**
     * Longer than needed, indefinite, out of order, twice, cut, followed, float, tag, huge, not
     * UTF-8, a key that is no text.
     */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "1817",
                "190017",
                "9fff",
                "a2616202616101",
                "a2616101616102",
                "62c3",
                "0101",
                "f90000",
                "c101",
                "5b7fffffffffffffff",
                "9b7fffffffffffffff",
                "61ff",
                "a10101",
                "1bffffffffffffffff",
                ""
            })
    void anythingElseIsRefused(String hex) {
        assertThatThrownBy(() -> decode(hex)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void deepNestingIsRefused() {
        assertThatThrownBy(() -> decode("81".repeat(40) + "01")).hasMessageContaining("nested");
    }
}
