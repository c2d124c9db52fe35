// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.engine;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/** Two vCPUs fence each other from inside the guest; that it ends is the test. */
@JCStressTest
@Outcome(id = "true, true", expect = ACCEPTABLE, desc = "each has dropped its translations")
@Outcome(expect = FORBIDDEN, desc = "a fence was not served")
@State
public class FenceEachOther {
    private final BusLock lock = new BusLock();
    private final VcpuContext a = new VcpuContext(0, lock);
    private final VcpuContext b = new VcpuContext(1, lock);
    private final VcpuContext[] all = {a, b};
    private final long before = a.tlbFlushes;

    private void instruction(VcpuContext v) {
        v.enterGuest();
        VcpuContext.fence(all, v);
        v.serviceFlush();
        v.leaveGuest();
    }

    @Actor
    public void one() {
        instruction(a);
    }

    @Actor
    public void other() {
        instruction(b);
    }

    @Arbiter
    public void dropped(ZZ_Result r) {
        r.r1 = a.tlbFlushes > before;
        r.r2 = b.tlbFlushes > before;
    }
}
