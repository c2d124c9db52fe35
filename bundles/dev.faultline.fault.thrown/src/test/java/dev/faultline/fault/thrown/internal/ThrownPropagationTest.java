// SPDX-License-Identifier: Apache-2.0
package dev.faultline.fault.thrown.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.fault.FaultPropagationContract;
import org.junit.jupiter.api.Test;

class ThrownPropagationTest extends FaultPropagationContract {
    @Override
    protected FaultPropagation create() {
        return new ThrownPropagation();
    }

    @Test
    void saysItsStyle() {
        assertThat(create().style()).isEqualTo("thrown");
    }

    @Test
    void raiseThrowsTheVcpusOwnSignal() {
        VcpuContext v = new VcpuContext(0);
        assertThatThrownBy(() -> create().raise(v)).isSameAs(v.signal);
    }
}
