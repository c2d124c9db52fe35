// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.B_Result;

/** A vCPU writes a page while the save takes it. */
@JCStressTest
@Outcome(id = "1", expect = ACCEPTABLE, desc = "as it was at the moment")
@Outcome(expect = FORBIDDEN, desc = "what was written later, in whole or in part")
@State
public class LiveCopyWrite {
    private final OnePageOfRam ram = new OnePageOfRam();

    @Actor
    public void vcpu() {
        ram.write();
    }

    @Actor
    public void save(B_Result r) {
        r.r1 = ram.take();
    }
}
