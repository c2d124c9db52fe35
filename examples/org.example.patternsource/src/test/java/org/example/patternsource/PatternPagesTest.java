// SPDX-License-Identifier: Apache-2.0
package org.example.patternsource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.address.Page;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.Rights;
import dev.faultline.testkit.FakeMachine;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class PatternPagesTest {

    private static long word(FakeMachine fake, long gpa) {
        return fake.ram().get(ValueLayout.JAVA_LONG, gpa);
    }

    @Test
    void aPageIsFilledByItsFirstTouchAndNotAgain() {
        try (FakeMachine fake = new FakeMachine(8)) {
            PatternPages source =
                    new PatternPages(fake.machine(), 2L * Page.SIZE, 4L * Page.SIZE, 7);
            assertThat(fake.access(Page.SIZE, Rights.W)).as("below").isNull();
            assertThat(word(fake, 3L * Page.SIZE)).isZero();

            assertThat(fake.access(3L * Page.SIZE + 100, Rights.W)).isEqualTo(Resolution.RETRY);
            for (int i = 0; i < Page.SIZE; i += 8) {
                assertThat(word(fake, 3L * Page.SIZE + i))
                        .isEqualTo(PatternPages.pattern(7, 3L * Page.SIZE + i));
            }
            assertThat(word(fake, 2L * Page.SIZE)).isZero();
            assertThat(word(fake, 4L * Page.SIZE)).isZero();

            fake.ram().set(ValueLayout.JAVA_LONG, 3L * Page.SIZE, 5);
            assertThat(fake.access(3L * Page.SIZE, Rights.R)).isNull();
            source.close();
            assertThat(word(fake, 3L * Page.SIZE)).isEqualTo(5);
            assertThat(fake.layerOpen()).isFalse();
        }
    }

    @Test
    void aLateSecondFaultOfTheSamePageKeepsWhatWasWritten() {
        try (FakeMachine fake = new FakeMachine(2)) {
            new PatternPages(fake.machine(), 0, Page.SIZE, 7);
            fake.access(0, Rights.R);
            fake.ram().set(ValueLayout.JAVA_LONG, 0, 5);
            int open = fake.rightsOf(0);
            // As a second vCPU sees it, whose fault was recorded before the page was opened.
            fake.late(0, Rights.R);
            assertThat(word(fake, 0)).isEqualTo(5);
            assertThat(fake.rightsOf(0)).isEqualTo(open);
        }
    }

    @Test
    void aRangeOutsideRamLeavesNothingBehind() {
        try (FakeMachine fake = new FakeMachine(2)) {
            assertThatThrownBy(() -> new PatternPages(fake.machine(), Page.SIZE, 2L * Page.SIZE, 7))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(fake.layerOpen()).isFalse();
        }
    }

    /** The first outputs of SplitMix64 for the seed 1234567, which are published with it. */
    @Test
    void thePatternIsSplitMix64() {
        assertThat(PatternPages.pattern(1234567, 0)).isEqualTo(6457827717110365317L);
        assertThat(PatternPages.pattern(1234567, 8)).isEqualTo(3203168211198807973L);
    }
}
