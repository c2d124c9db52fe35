// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit.cpu;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.FaultPropagation;

/** The simplest fault style: a fault comes back as a result. */
public final class CodedFaults implements FaultPropagation {
    @Override
    public String style() {
        return "coded";
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
