// SPDX-License-Identifier: Apache-2.0
package dev.faultline.source.http.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RetryAfterTest {
    private static final Instant NOW = Instant.parse("2026-11-29T20:00:00Z");

    private static Duration of(String s) {
        return RetryAfter.of(s, NOW);
    }

    @Test
    void bothFormsAreReadAndBounded() {
        assertThat(of("0")).isZero();
        assertThat(of(" 7 ")).isEqualTo(Duration.ofSeconds(7));
        assertThat(of("999999999")).isEqualTo(Duration.ofDays(1));
        assertThat(of("9".repeat(400))).isEqualTo(Duration.ofDays(1));
        assertThat(of("Sun, 29 Nov 2026 20:00:30 GMT")).isEqualTo(Duration.ofSeconds(30));
        assertThat(of("Sun, 29 Nov 2026 19:00:00 GMT")).isZero();
        assertThat(of("Fri, 31 Dec 9999 23:59:59 GMT")).isEqualTo(Duration.ofDays(1));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "soon", "-1", "1.5", "0x10", "Sun, 99 Nov 2026 20:00:30 GMT"})
    void whatMakesNoSenseIsAsIfAbsent(String s) {
        assertThat(of(s)).isNull();
    }
}
