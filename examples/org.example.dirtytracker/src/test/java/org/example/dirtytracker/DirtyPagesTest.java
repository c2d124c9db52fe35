// SPDX-License-Identifier: Apache-2.0
package org.example.dirtytracker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.address.Page;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.Rights;
import dev.faultline.testkit.FakeMachine;
import org.junit.jupiter.api.Test;

class DirtyPagesTest {

    @Test
    void aPageIsMarkedByItsFirstWriteAndAgainAfterItWasTaken() {
        try (FakeMachine fake = new FakeMachine(130)) {
            DirtyPages dirty = new DirtyPages(fake.machine());
            assertThat(fake.access(5L * Page.SIZE, Rights.R)).isNull();
            assertThat(fake.access(5L * Page.SIZE, Rights.X)).isNull();
            assertThat(dirty.count()).isZero();

            assertThat(fake.access(5L * Page.SIZE + 8, Rights.W)).isEqualTo(Resolution.RETRY);
            assertThat(fake.access(5L * Page.SIZE + 16, Rights.W)).as("the second write").isNull();
            assertThat(fake.access(129L * Page.SIZE, Rights.W)).isEqualTo(Resolution.RETRY);
            assertThat(fake.access(64L * Page.SIZE, Rights.R | Rights.W))
                    .isEqualTo(Resolution.RETRY);
            assertThat(dirty.count()).isEqualTo(3);

            assertThat(dirty.take()).containsExactly(5, 64, 129);
            assertThat(dirty.take()).isEmpty();
            assertThat(fake.access(5L * Page.SIZE, Rights.W)).isEqualTo(Resolution.RETRY);
            assertThat(dirty.take()).containsExactly(5);

            dirty.close();
            assertThat(fake.layerOpen()).isFalse();
        }
    }
}
