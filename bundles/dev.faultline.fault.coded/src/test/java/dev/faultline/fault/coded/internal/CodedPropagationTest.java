// SPDX-License-Identifier: Apache-2.0
package dev.faultline.fault.coded.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.fault.FaultPropagationContract;
import org.junit.jupiter.api.Test;

class CodedPropagationTest extends FaultPropagationContract {
    @Override
    protected FaultPropagation create() {
        return new CodedPropagation();
    }

    @Test
    void saysItsStyle() {
        assertThat(create().style()).isEqualTo("coded");
    }

    @Test
    void raiseReturnsTheSentinel() {
        assertThat(create().raise(new VcpuContext(0))).isEqualTo(FaultPropagation.FAULTED);
    }
}
