// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.B_Result;

/** RAM is unplugged while the save takes a page of it. */
@JCStressTest
@Outcome(id = "1", expect = ACCEPTABLE, desc = "taken before it went")
@Outcome(id = "-1", expect = ACCEPTABLE, desc = "lost, and said so")
@Outcome(expect = FORBIDDEN, desc = "read where no RAM is any more")
@State
public class LiveCopyLost {
    private final OnePageOfRam ram = new OnePageOfRam();

    @Actor
    public void unplugged() {
        ram.lose();
    }

    @Actor
    public void save(B_Result r) {
        r.r1 = ram.take();
    }
}
