// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class EndingTest {
    private long now = 5;
    private final List<Integer> halted = new ArrayList<>();
    private final List<Integer> told = new ArrayList<>();
    private final Ending ending = new Ending(() -> now, halted::add);

    @Test
    void whoWorksIsToldOnceAndTheCodeIsTheSignals() {
        ending.working(told::add);
        assertThat(ending.asked()).isFalse();

        ending.signalled(15);

        assertThat(told).containsExactly(15);
        assertThat(ending.asked()).isTrue();
        assertThat(ending.code()).isEqualTo(143);
        assertThat(halted).isEmpty();
    }

    @Test
    void whoBeginsLaterIsToldAtOnce() {
        ending.signalled(2);

        ending.working(told::add);

        assertThat(told).containsExactly(2);
    }

    /** Terminals, supervisors and shells around us send two: that is no impatience. */
    @Test
    void signalsTogetherAreOneAndTheFirstCounts() {
        ending.working(told::add);

        ending.signalled(1);
        now += Ending.SAME_NANOS - 1;
        ending.signalled(15);

        assertThat(told).containsExactly(1);
        assertThat(ending.code()).isEqualTo(129);
        assertThat(halted).isEmpty();
    }

    @Test
    void aSecondOneLaterEndsTheProcessAtOnceWithTheFirstsCode() {
        ending.working(told::add);

        ending.signalled(15);
        now += Ending.SAME_NANOS;
        ending.signalled(2);

        assertThat(told).as("told again, so that the terminal is restored").hasSize(2);
        assertThat(halted).containsExactly(143);
    }
}
