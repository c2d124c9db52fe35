// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.oracle;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.isa.FlagEffects;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Outcome;

/**
 * Whether instructions do to flags what the table says: executes a vector as it is, and again with
 * all status flags inverted that its row does not read.
 */
final class FlagUse {
    /** Those that user mode can change, but for TF. */
    private static final int LOOKED_AT =
            FlagEffects.STATUS | VcpuContext.DF | VcpuContext.AC | VcpuContext.ID;

    private final OracleCpu cpu;

    FlagUse(OracleCpu cpu) {
        this.cpu = cpu;
    }

    /**
     * @return what the table does not say; empty if it says all
     */
    String run(OracleVector t, Op op) {
        if (cpu.cut(t) || cpu.row() == null) {
            return "";
        }
        FlagEffects said = cpu.row().definition.flags();
        int inverted = FlagEffects.STATUS & ~said.read();
        int before = (int) t.flagsIn;
        Effect one = effect(t, op, before);
        if (one.result() == Outcome.FAULT) {
            return changed("exception", (one.flags() ^ before) & LOOKED_AT);
        }
        Effect two = effect(t, op, before ^ inverted);
        int differing = one.flags() ^ two.flags();
        String problem = one.differs(two);
        return (problem.isEmpty() ? "" : " reads flags:" + problem)
                + changed("changed", (one.flags() ^ before) & LOOKED_AT & ~said.changed())
                + changed("not written", differing & said.written() & LOOKED_AT)
                + changed("written", ~differing & inverted & ~said.changed())
                + maybe(one, two, before, inverted, said);
    }

    /** Written or left, all of them alike. */
    private static String maybe(Effect one, Effect two, int before, int inverted, FlagEffects f) {
        int bits = f.maybe() & inverted;
        boolean left =
                ((one.flags() ^ two.flags()) & bits) == bits
                        && ((one.flags() ^ before) & bits) == 0;
        boolean written = ((one.flags() ^ two.flags()) & bits) == 0;
        return left || written ? "" : changed("neither left nor written", bits);
    }

    private static String changed(String what, int flags) {
        return flags == 0 ? "" : " " + what + ": " + Integer.toHexString(flags);
    }

    private Effect effect(OracleVector t, Op op, int flags) {
        VcpuContext v = cpu.v;
        cpu.load(t);
        v.setFlags(flags);
        v.recompute();
        Effect after = Effect.of(cpu, cpu.execute(t, op));
        cpu.restore();
        return after;
    }
}
