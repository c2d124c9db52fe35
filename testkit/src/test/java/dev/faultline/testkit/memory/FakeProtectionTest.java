// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.RestrictedRange;
import dev.faultline.api.protection.Rights;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class FakeProtectionTest {
    private final FakeProtection protection = new FakeProtection(0x10000);
    private final ProtectionLayer user = protection.userLayer();

    @Test
    void theEffectiveRightIsTheIntersection() {
        FaultHandler handler = (machine, fault) -> Resolution.RETRY;
        ProtectionLayer layer = protection.addLayer("a", handler);
        user.protectPage(5, Rights.RW);
        layer.protect(0x5FFF, 2, Rights.RX);
        assertThat(protection.rightsOf(5)).isEqualTo(Rights.R);
        assertThat(protection.rightsOf(6)).isEqualTo(Rights.RX);
        assertThat(protection.rightsOf(7)).isEqualTo(Rights.RWX);
        assertThat(protection.rightsOf(-1)).isEqualTo(Rights.RWX);
        assertThat(protection.rightsOf(1L << 40)).isEqualTo(Rights.RWX);
        assertThat(protection.forbiddingLayers(5, Rights.W)).isEqualTo(2);
        assertThat(protection.forbiddingLayers(5, Rights.X)).isEqualTo(1);
        assertThat(protection.handlerOf(layer)).isSameAs(handler);
        assertThat(protection.handlerOf(user)).isNull();
        assertThat(layer.restrictedPages()).isEqualTo(2);
        assertThat(layer.nextRange(0)).isEqualTo(new RestrictedRange(0x5000, 0x2000, Rights.RX));
        layer.close();
        layer.close();
        assertThat(protection.rightsOf(6)).isEqualTo(Rights.RWX);
        assertThat(protection.layers()).containsExactly(user);
        assertThatThrownBy(() -> layer.protectPage(1, Rights.R)).hasMessageContaining("withdrawn");
    }

    @Test
    void onlyNarrowingIsTold() {
        List<String> told = new ArrayList<>();
        protection.addListener((gpa, size) ->
                told.add("%x+%x %d".formatted(gpa, size, protection.rightsOf(gpa >>> 12))));
        user.protect(0x2000, 0x2000, Rights.R);
        user.protectPage(2, Rights.R);
        user.protectPage(2, Rights.RW);
        user.protectPage(2, Rights.W);
        assertThat(told).containsExactly("2000+1000 1", "3000+1000 1", "2000+1000 2");
    }

    @Test
    void theNextAnswerIsOlderThanWhatHappensInItsWindow() {
        protection.inNextWindow(() -> user.protectPage(1, Rights.NONE));
        assertThat(protection.rightsOf(1)).isEqualTo(Rights.RWX);
        assertThat(protection.rightsOf(1)).isEqualTo(Rights.NONE);
    }

    @Test
    void aRangeThatReachesBeyondIsRefusedAsAWhole() {
        for (long[] range :
                new long[][] {{0xF000, 0x1001}, {0x10000, 1}, {0, 0}, {-4096, 4096}, {8, -1}}) {
            assertThatThrownBy(() -> user.protect(range[0], range[1], Rights.NONE))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        assertThatThrownBy(() -> user.protectPage(1, 8))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> protection.addLayer("user", null))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(user::close).isInstanceOf(IllegalStateException.class);
        assertThat(user.restrictedPages()).isZero();
    }
}
