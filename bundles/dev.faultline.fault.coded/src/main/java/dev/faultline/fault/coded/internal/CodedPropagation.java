// SPDX-License-Identifier: Apache-2.0
package dev.faultline.fault.coded.internal;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.FaultPropagation;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.propertytypes.ServiceRanking;

/**
 * A fault travels as a returned sentinel: every caller between the miss and the run loop tests for
 * it and returns.
 */
@Component(property = FaultPropagation.STYLE + "=" + CodedPropagation.NAME)
@ServiceRanking(10)
public final class CodedPropagation implements FaultPropagation {
    static final String NAME = "coded";

    @Override
    public String style() {
        return NAME;
    }

    @Override
    public long raise(VcpuContext v) {
        return FAULTED;
    }

    @Override
    public int run(VcpuLoop loop, VcpuContext v) {
        return loop.loop(v);
    }
}
