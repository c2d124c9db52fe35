// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.engine;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A vCPU executes an instruction while another thread drops translations and then changes what they
 * led to: whether the vCPU's were dropped, and what it read.
 */
@JCStressTest
@Outcome(id = "0, 1", expect = ACCEPTABLE, desc = "had its translation, and what it stood for")
@Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "dropped before it read")
@Outcome(id = "1, 2", expect = ACCEPTABLE, desc = "dropped, and read what is there now")
@Outcome(expect = FORBIDDEN, desc = "read with a translation after its fence has returned")
@State
public class FenceStale {
    private static final int NOW = 2;

    private final VcpuContext v = new VcpuContext(0);
    private final VcpuContext[] all = {v};
    private final long before = v.tlbFlushes;

    /** A plain field, as guest RAM is. */
    private int memory = 1;

    @Actor
    public void vcpu(II_Result r) {
        v.enterGuest();
        r.r1 = v.tlbFlushes == before ? 0 : 1;
        r.r2 = memory;
        v.serviceFlush();
        v.leaveGuest();
    }

    @Actor
    public void restrictor() {
        VcpuContext.fence(all, null);
        memory = NOW;
    }
}
