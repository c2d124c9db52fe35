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
import org.openjdk.jcstress.infra.results.IIII_Result;

/** Two pages of one word are changed at once, each by one who then looks. */
@JCStressTest
@Outcome(id = "7, 5, 1, 5", expect = ACCEPTABLE, desc = "the left one was faster")
@Outcome(id = "1, 7, 1, 5", expect = ACCEPTABLE, desc = "the right one was faster")
@Outcome(id = "1, 5, 1, 5", expect = ACCEPTABLE, desc = "both saw each other")
@Outcome(expect = FORBIDDEN, desc = "a change is lost, or half of one is seen")
@State
public class ChunkPages {
    private static final int LEFT = 3;
    private static final int RIGHT = 4;

    private final Chunk chunk = Chunk.packed(Rights.RWX, 0, 0, Rights.NONE);

    @Actor
    public void left(IIII_Result r) {
        chunk.set(LEFT, Rights.R);
        r.r2 = chunk.get(RIGHT);
    }

    @Actor
    public void right(IIII_Result r) {
        chunk.set(RIGHT, Rights.RX);
        r.r1 = chunk.get(LEFT);
    }

    @Arbiter
    public void both(IIII_Result r) {
        r.r3 = chunk.get(LEFT);
        r.r4 = chunk.get(RIGHT);
    }
}
