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
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * A page is changed while its chunk is sealed: what the writer was told, what the owner saw under
 * its seal, and what is there at the end.
 */
@JCStressTest
@Outcome(id = "7, 1, 1", expect = ACCEPTABLE, desc = "written before the seal")
@Outcome(
        id = "-1, 7, 7",
        expect = ACCEPTABLE,
        desc = "refused: the writer looks the chunk up again")
@Outcome(expect = FORBIDDEN, desc = "written under the seal, or told so wrongly")
@State
public class ChunkSeal {
    private static final int PAGE = 5;

    private final Chunk chunk = Chunk.packed(Rights.RWX, 0, 0, Rights.NONE);

    @Actor
    public void writer(III_Result r) {
        r.r1 = chunk.set(PAGE, Rights.R);
    }

    @Actor
    public void owner(III_Result r) {
        if (!chunk.acquire()) {
            throw new IllegalStateException("nobody else wants it");
        }
        chunk.seal(Rights.RWX, 0, new Narrowed());
        r.r2 = chunk.get(PAGE);
    }

    @Arbiter
    public void left(III_Result r) {
        r.r3 = chunk.get(PAGE);
    }
}
