// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJ_Result;

/** Two vCPUs fill one page: the leaf that is left, and whether it is counted once. */
@JCStressTest
@Outcome(id = "7, 1", expect = ACCEPTABLE, desc = "filled by the one whose claim was first")
@Outcome(expect = FORBIDDEN, desc = "no leaf, a claim that stays, or a wrong count")
@State
public class EptTwoFillers {
    private final OnePage page = new OnePage();

    @Actor
    public void first() {
        page.fill(-1);
    }

    @Actor
    public void second() {
        page.fill(-2);
    }

    @Arbiter
    public void left(JJ_Result r) {
        r.r1 = page.rightsOfLeaf();
        r.r2 = page.counted();
    }
}
