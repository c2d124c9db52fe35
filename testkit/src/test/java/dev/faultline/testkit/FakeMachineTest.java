// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.address.Page;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class FakeMachineTest {
    private final List<String> asked = new ArrayList<>();

    private FaultHandler handler(String name, Resolution answer) {
        return (machine, fault) -> {
            asked.add(name + " " + fault.gpa());
            return answer;
        };
    }

    @Test
    void layersThatForbidAreAskedUntilOneAnswers() {
        try (FakeMachine fake = new FakeMachine(4)) {
            RamProtection p = fake.machine().protection();
            p.addLayer("a", handler("a", Resolution.PASS)).protectPage(1, Rights.R);
            p.addLayer("b", handler("b", Resolution.STEP)).protectPage(1, Rights.NONE);
            p.addLayer("c", handler("c", Resolution.RETRY)).protectPage(1, Rights.NONE);
            assertThat(fake.access(0, Rights.W)).isNull();
            assertThat(fake.access(Page.SIZE, Rights.R)).isEqualTo(Resolution.STEP);
            assertThat(asked).containsExactly("b 4096");
            asked.clear();
            assertThat(fake.access(Page.SIZE, Rights.W)).isEqualTo(Resolution.STEP);
            assertThat(asked).containsExactly("a 4096", "b 4096");
            p.userLayer().protectPage(2, Rights.R);
            assertThat(fake.access(2L * Page.SIZE, Rights.W)).isEqualTo(Resolution.PASS);
        }
    }

    @Test
    void whatItCannotFailsWithItsName() {
        try (FakeMachine fake = new FakeMachine(1)) {
            assertThatThrownBy(() -> fake.machine().start())
                    .isInstanceOf(AssertionError.class)
                    .hasMessage("Machine.start");
        }
    }
}
