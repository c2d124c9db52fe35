// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class WarmUpTest {
    @Test
    void itsChunkIsGood() {
        assertThat(WarmUp.runNow()).isPositive();
    }
}
