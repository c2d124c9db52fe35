// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/** A vCPU wants to write the page that another one begins to decode. */
@JCStressTest
@Outcome(id = "true, true", expect = ACCEPTABLE, desc = "writes; who decodes sees it and fences")
@Outcome(id = "false, true", expect = ACCEPTABLE, desc = "both saw each other")
@Outcome(id = "false, false", expect = ACCEPTABLE, desc = "the writer was kept out")
@Outcome(expect = FORBIDDEN, desc = "writes, unseen, what is being decoded")
@State
public class EptWriter {
    private final OnePage page = new OnePage();

    @Actor
    public void writer(ZZ_Result r) {
        r.r1 = page.admitWriter();
    }

    @Actor
    public void decoder(ZZ_Result r) {
        page.decode();
        r.r2 = page.mayBeWritten();
    }
}
