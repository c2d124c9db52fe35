// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.device.StateSection;
import java.util.List;
import org.junit.jupiter.api.Test;

class MachineStateTest {
    private record Owner(String id) implements StateOwner {
        @Override
        public int version() {
            return 1;
        }

        @Override
        public boolean optional() {
            return false;
        }

        @Override
        public StateSection save() {
            return new StateSection(id, 1);
        }

        @Override
        public void load(StateSection s) {}
    }

    private static final List<StateOwner> OWNERS = List.of(new Owner("clock"), new Owner("vcpu"));

    @Test
    void whatNobodyReadsIsKeptUnlessSomebodyHasTheIdNow() {
        StateSection old = new StateSection("vcpu", 9);
        StateSection stranger = new StateSection("stranger", 3);

        List<StateSection> saved =
                MachineState.save(
                        OWNERS, List.of(new StateSection("gone", 2)), List.of(old, stranger));

        assertThat(saved)
                .extracting(StateSection::id)
                .containsExactly("clock", "vcpu", "gone", "stranger");
        assertThat(saved.get(1).version()).isEqualTo(1);
    }

    @Test
    void twoWithOneIdAreRefusedAndNotMadeOne() {
        StateSection gone = new StateSection("bell", 1);

        assertThatThrownBy(() -> MachineState.save(OWNERS, List.of(gone, gone), List.of()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("two devices of the machine have the id bell");
        assertThatThrownBy(() ->
                        MachineState.save(List.of(new Owner("bell")), List.of(gone), List.of()))
                .hasMessageContaining("two devices of the machine have the id bell");
    }
}
