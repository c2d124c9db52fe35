// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.engine;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/** A vCPU and a device add to a number that no instruction of the host adds to at once. */
@JCStressTest
@Outcome(id = "2", expect = ACCEPTABLE, desc = "one after the other")
@Outcome(expect = FORBIDDEN, desc = "the device transferred during a turn")
@State
public class BusLockDevice {
    private final BusLock lock = new BusLock();
    private final VcpuContext a = new VcpuContext(0, lock);
    private int number;

    private void locked(VcpuContext v) {
        v.enterGuest();
        lock.acquire(v);
        number++;
        lock.release(v);
        v.serviceFlush();
        v.leaveGuest();
    }

    @Actor
    public void one() {
        locked(a);
    }

    @Actor
    public void device() {
        lock.transfer().lock();
        try {
            number++;
        } finally {
            lock.transfer().unlock();
        }
    }

    @Arbiter
    public void sum(I_Result r) {
        r.r1 = number;
    }
}
