// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.oracle;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.RegisterUse;
import dev.faultline.cpu.x86.state.Outcome;
import java.util.Arrays;

/**
 * Whether instructions do to registers and memory what the table says: executes a vector as it is,
 * and again with all registers changed that its row does not read.
 */
final class RegisterUseCheck {
    private static final long CHANGE = 0x5A3C_96E1_D287_4B0FL;

    /** Rounding, and the flags of exceptions that happened. */
    private static final int MXCSR_CHANGE = 0x603F;

    private final OracleCpu cpu;
    private final RegisterUse said;
    private final int registers;

    private RegisterUseCheck(OracleCpu cpu, RegisterUse said) {
        this.cpu = cpu;
        this.said = said;
        registers = cpu.mode() == 64 ? 16 : 8;
    }

    /**
     * @return what the table does not say; empty if it says all, or that only {@code execute} knows
     */
    static String run(OracleCpu cpu, OracleVector t, Op op) {
        RegisterUse said = cpu.use(t);
        return said == null || cpu.cut(t) ? "" : new RegisterUseCheck(cpu, said).run(t, op);
    }

    private String run(OracleVector t, Op op) {
        cpu.load(t);
        Effect before = Effect.of(cpu, 0);
        Effect after = after(t, op);
        cpu.load(t);
        change();
        Effect changed = Effect.of(cpu, 0);
        Effect then = after(t, op);
        return written(before, after) + read(after, changed, then);
    }

    private Effect after(OracleVector t, Op op) {
        Effect e = Effect.of(cpu, cpu.execute(t, op));
        cpu.restore();
        return e;
    }

    private boolean reads(long bits) {
        return (said.read() & bits) != 0;
    }

    private boolean writes(long bits) {
        return (said.written() & bits) != 0;
    }

    private static long xmm(int number) {
        return 1L << RegisterUse.XMM + number;
    }

    /** Whatever is not read has another value. */
    private void change() {
        VcpuContext v = cpu.v;
        for (int i = 0; i < registers; i++) {
            if (!reads(1L << i)) {
                v.gpr[i] ^= cpu.mode() == 64 ? CHANGE : CHANGE & 0xFFFF_FFFFL;
            }
            if (!reads(xmm(i))) {
                v.xmm[2 * i] ^= CHANGE;
                v.xmm[2 * i + 1] ^= ~CHANGE;
            }
        }
        if (!reads(RegisterUse.ST)) {
            for (int i = 0; i < 8; i++) {
                v.fpSig[i] ^= CHANGE;
            }
        }
        if (!reads(RegisterUse.MXCSR)) {
            v.mxcsr ^= MXCSR_CHANGE;
        }
    }

    /** What was changed and is not said to be written. */
    private String written(Effect before, Effect after) {
        StringBuilder s = new StringBuilder();
        for (int i = 0; i < 16; i++) {
            if (before.gpr()[i] != after.gpr()[i] && !writes(1L << i)) {
                s.append(" writes r").append(i);
            }
            if (!sameXmm(before, after, i) && !writes(xmm(i))) {
                s.append(" writes xmm").append(i);
            }
        }
        if (!Arrays.equals(before.x87(), after.x87()) && !writes(RegisterUse.ST)) {
            s.append(" writes x87");
        }
        if (before.mxcsr() != after.mxcsr() && !writes(RegisterUse.MXCSR)) {
            s.append(" writes mxcsr");
        }
        if (!Arrays.equals(before.memory(), after.memory()) && !writes(RegisterUse.MEMORY)) {
            s.append(" writes memory");
        }
        return s.toString();
    }

    /** What depends on a register that is not said to be read. */
    private String read(Effect after, Effect changed, Effect then) {
        // What an exception kept from being written is as it was.
        boolean raised = after.result() == Outcome.FAULT;
        StringBuilder s = new StringBuilder(after.common(then));
        if (after.flags() != then.flags()) {
            s.append(" flags");
        }
        for (int i = 0; i < 16; i++) {
            if (then.gpr()[i] != (writes(1L << i) ? after : changed).gpr()[i]
                    && !(raised && then.gpr()[i] == changed.gpr()[i])) {
                s.append(" r").append(i);
            }
            if (!sameXmm(then, writes(xmm(i)) ? after : changed, i)
                    && !(raised && sameXmm(then, changed, i))) {
                s.append(" xmm").append(i);
            }
        }
        if (!Arrays.equals(then.x87(), (writes(RegisterUse.ST) ? after : changed).x87())
                && !(raised && Arrays.equals(then.x87(), changed.x87()))) {
            s.append(" x87");
        }
        if (then.mxcsr() != (writes(RegisterUse.MXCSR) ? after : changed).mxcsr()
                && !(raised && then.mxcsr() == changed.mxcsr())) {
            s.append(" mxcsr");
        }
        return s.isEmpty() ? "" : " depends on what it does not read:" + s;
    }

    private static boolean sameXmm(Effect a, Effect b, int i) {
        return a.xmm()[2 * i] == b.xmm()[2 * i] && a.xmm()[2 * i + 1] == b.xmm()[2 * i + 1];
    }
}
