// SPDX-License-Identifier: Apache-2.0
package org.example.dirtytracker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.Rights;
import dev.faultline.testkit.FakeMachine;
import org.junit.jupiter.api.Test;

class DirtyPagesTest {
    private static final int PAGE = FakeMachine.PAGE;

    @Test
    void aPageIsMarkedByItsFirstWriteAndAgainAfterItWasTaken() {
        try (FakeMachine fake = new FakeMachine(130)) {
            DirtyPages dirty = new DirtyPages(fake.machine());
            assertThat(fake.access(5L * PAGE, Rights.R)).isNull();
            assertThat(fake.access(5L * PAGE, Rights.X)).isNull();
            assertThat(dirty.count()).isZero();

            assertThat(fake.access(5L * PAGE + 8, Rights.W)).isEqualTo(Resolution.RETRY);
            assertThat(fake.access(5L * PAGE + 16, Rights.W)).as("the second write").isNull();
            assertThat(fake.access(129L * PAGE, Rights.W)).isEqualTo(Resolution.RETRY);
            assertThat(fake.access(64L * PAGE, Rights.R | Rights.W)).isEqualTo(Resolution.RETRY);
            assertThat(dirty.count()).isEqualTo(3);

            assertThat(dirty.take()).containsExactly(5, 64, 129);
            assertThat(dirty.take()).isEmpty();
            assertThat(fake.access(5L * PAGE, Rights.W)).isEqualTo(Resolution.RETRY);
            assertThat(dirty.take()).containsExactly(5);

            dirty.close();
            assertThat(fake.layerOpen()).isFalse();
        }
    }
}
