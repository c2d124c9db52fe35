// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJZ_Result;

/** A vCPU fills a page while its rights go: what it read, and the leaf that is left. */
@JCStressTest
@Outcome(
        id = "7, 0, true",
        expect = ACCEPTABLE,
        desc = "filled, then cleared; or the claim was destroyed")
@Outcome(id = "0, 0, true", expect = ACCEPTABLE, desc = "filled without rights")
@Outcome(expect = FORBIDDEN, desc = "a leaf with rights that are gone, or a wrong count")
@State
public class EptRestriction {
    private final OnePage page = new OnePage();

    /** A vCPU that misses. */
    @Actor
    public void filler(JJZ_Result r) {
        r.r1 = page.fill(-1);
    }

    /** As the MMU does when it is told. */
    @Actor
    public void restrictor() {
        page.close();
    }

    @Arbiter
    public void left(JJZ_Result r) {
        r.r2 = page.rightsOfLeaf();
        r.r3 = page.counted() == page.leaves();
    }
}
