// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.hostile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.faultline.cpu.translator.internal.VerifiedTranslator;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Bytes by chance do on the translator what they do on the interpreter. {@code bench/fuzz-code.sh}
 * tries as many as wanted, in a process of its own.
 */
class HostileCodeTest {
    private static final int CASES = 60;

    @ParameterizedTest
    @CsvSource({"coded, 1, 1", "thrown, 1, 100001", "coded, 2, 200001"})
    void theyAgree(String style, int threshold, long seed) {
        VerifiedTranslator translator = new VerifiedTranslator(threshold, 1);
        assumeThat(translator.refusal()).isNull();
        try (HostileComparison c = new HostileComparison(translator, style)) {
            for (int i = 0; i < CASES; i++) {
                assertThat(c.compare(seed + i)).isEmpty();
            }
            assertThat(c.passages).as(c.summary()).isGreaterThan(CASES * 8L);
            assertThat(c.faults).as(c.summary()).isGreaterThan(CASES);
            assertThat(c.generated()).as(c.summary()).isGreaterThan(threshold == 1 ? 2_000 : 200);
        }
    }
}
