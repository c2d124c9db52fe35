// SPDX-License-Identifier: Apache-2.0
package dev.faultline.protection.internal;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.faultline.api.protection.Rights;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** The last closed page of a chunk is opened, which gives the chunk back, while another closes. */
@JCStressTest
@Outcome(id = "7, 1", expect = ACCEPTABLE, desc = "both happened")
@Outcome(expect = FORBIDDEN, desc = "one of them went with the chunk")
@State
public class RightsDropped {
    private static final long OPENED = 5;
    private static final long CLOSED = 6;
    private static final int PAGES = 512;

    private final RightsStore store = new RightsStore();

    /** Of a chunk that was closed as a whole and then opened but for one page. */
    public RightsDropped() {
        store.set(0, PAGES - 1, Rights.NONE, new Narrowed());
        store.set(0, OPENED - 1, Rights.RWX, new Narrowed());
        store.set(OPENED + 1, PAGES - 1, Rights.RWX, new Narrowed());
    }

    @Actor
    public void opener() {
        store.set(OPENED, Rights.RWX);
    }

    @Actor
    public void closer() {
        store.set(CLOSED, Rights.R);
    }

    @Arbiter
    public void left(II_Result r) {
        r.r1 = store.get(OPENED);
        r.r2 = store.get(CLOSED);
    }
}
