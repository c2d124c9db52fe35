// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.darwin.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.platform.HostError;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Runs on every host: the numbers are Darwin's, whoever reads them. */
class ErrnoTest {
    @ParameterizedTest
    @CsvSource({
        "22,INVALID",
        "12,NO_MEMORY",
        "35,NO_MEMORY",
        "1,DENIED",
        "13,DENIED",
        "45,UNSUPPORTED",
        "78,UNSUPPORTED",
        "5,OTHER"
    })
    void errnoHasOneMeaning(int errno, HostError meaning) {
        assertThat(Errno.meaning(errno)).isEqualTo(meaning);
    }

    @Test
    void failureNamesTheOperationAndTheNumber() {
        assertThat(Errno.failure("reserve", 5))
                .hasMessageContaining("reserve")
                .hasMessageContaining("errno 5");
    }
}
