// SPDX-License-Identifier: Apache-2.0
package dev.faultline.fault.thrown.internal;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.fault.FaultSignal;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.propertytypes.ServiceRanking;

/**
 * A fault travels as the vCPU's own preallocated throwable, from the miss straight to the run loop.
 * A signal of another vCPU is a bug of the engine that let it through, so it is passed on.
 */
@Component(property = FaultPropagation.STYLE + "=" + ThrownPropagation.NAME)
@ServiceRanking(0)
public final class ThrownPropagation implements FaultPropagation {
    static final String NAME = "thrown";

    @Override
    public String style() {
        return NAME;
    }

    @Override
    public long raise(VcpuContext v) {
        throw v.signal;
    }

    @Override
    public int run(VcpuLoop loop, VcpuContext v) {
        try {
            return loop.loop(v);
        } catch (FaultSignal s) {
            if (s != v.signal) {
                throw s;
            }
            return VcpuLoop.EXIT_FAULT;
        }
    }
}
