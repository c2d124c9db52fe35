// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.decode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.cpu.x86.op.Decoded;
import java.util.HexFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DecoderTest {
    /** ES is 0, CS 1, SS 2, DS 3, FS 4, GS 5; -1: none. */
    @ParameterizedTest
    @CsvSource({
        "64, 65 8B 01, 5",
        "64, 65 2E 8B 01, 5",
        "64, 2E 65 8B 01, 5",
        "64, 64 36 26 3E 8B 01, 4",
        "64, 64 65 8B 01, 5",
        "64, 2E 8B 01, -1",
        "32, 65 2E 8B 01, 1",
        "16, 65 26 8B 01, 0"
    })
    void theLastSegmentOverrideThatCountsIsTaken(int codeBits, String code, int segment) {
        byte[] bytes = HexFormat.ofDelimiter(" ").parseHex(code);
        Decoded d = new Decoder().fields(bytes, bytes.length, codeBits);
        assertThat(d).isNotNull();
        assertThat(d.segOverride).isEqualTo(segment);
    }
}
