// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Hva;
import dev.faultline.cpu.translator.verify.Candidate;
import dev.faultline.cpu.translator.verify.Layout;
import dev.faultline.cpu.translator.verify.Verifier;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** Has the generated code of one vCPU read again, and tells what is refused. */
final class Guard {
    private static final System.Logger LOG = System.getLogger(Guard.class.getName());

    /** Refusals that are told one by one; a broken form is in many blocks. */
    private static final int TOLD = 8;

    private final Verifier verifier;
    private final LongAdder refused;
    private int told;

    /**
     * @param refused counts them
     */
    Guard(Layout layout, LongAdder refused) {
        verifier = new Verifier(layout);
        this.refused = refused;
    }

    /** Whether the translation of the block at {@code rip} may be executed. */
    boolean accepts(Candidate c, @Gva long rip) {
        return accepted(verifier.check(c), "translation", rip);
    }

    /** Whether the jump that ends at {@code end} may be made to go to the block at {@code rip}. */
    boolean acceptsLink(@Hva long end, @Hva long target, @Gva long rip) {
        return accepted(verifier.checkLink(end, target), "jump", rip);
    }

    /** All translations are gone. */
    void forget() {
        verifier.forget();
    }

    private boolean accepted(@Nullable String refusal, String what, long rip) {
        if (refusal == null) {
            return true;
        }
        refused.increment();
        if (told++ < TOLD) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "the {0} for rip {1} is not used: {2}",
                    what,
                    Long.toHexString(rip),
                    refusal);
        }
        return false;
    }
}
