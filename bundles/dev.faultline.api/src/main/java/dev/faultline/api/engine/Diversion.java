// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.engine;

import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Hva;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import org.osgi.annotation.versioning.ProviderType;

/**
 * Stopped accesses that take another way during the instruction that is executed next: fault
 * handlers let them through, answered or dropped them. No rights change.
 *
 * <p>Engines and the MMU ask; the machine, whose handlers decided, answers. One per vCPU; on its
 * thread only.
 */
@ProviderType
public abstract class Diversion {
    /** Of a vCPU whose faults nobody answers. Never {@link #active}. */
    public static final Diversion NONE =
            new Diversion() {
                @Override
                public long divert(
                        RamProtection protection,
                        int access,
                        @Gpa long gpa,
                        int length,
                        @Hva long hva) {
                    return -1;
                }
            };

    /** A field, not a question to the machine: asked before every string instruction. */
    private boolean active;

    /**
     * True while anything is diverted: then engines execute one instruction (or one iteration) at a
     * time.
     */
    public final boolean active() {
        return active;
    }

    /** From now on something is diverted. */
    protected final void activate() {
        active = true;
    }

    /**
     * The way of an access that rights forbid. Whoever finds that they do asks before recording the
     * fault, while {@link #active}; what it answers is not cached beyond the instruction ({@link
     * VcpuContext#leaveTraces}).
     *
     * @param protection whose rights forbid it
     * @param access one of {@link Rights#R}, {@link Rights#W}, {@link Rights#X}
     * @param gpa byte address
     * @param length bytes; the access stays in its page
     * @param hva of the same byte
     * @return {@code hva}: go ahead; another: access that address instead; negative: the access
     *     stays stopped
     */
    public abstract long divert(
            RamProtection protection, int access, @Gpa long gpa, int length, @Hva long hva);

    /** The instruction is over: nothing is diverted. */
    public void clear() {
        active = false;
    }
}
