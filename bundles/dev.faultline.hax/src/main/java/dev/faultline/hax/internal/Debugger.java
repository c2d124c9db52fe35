// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.hax.HaxAbi.*;
import static dev.faultline.api.hax.HaxLayout.offset;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.hax.HaxLayout;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The client's breakpoints and steps on one vCPU. While it has breakpoints or steps, its debug
 * registers are the ones that are armed and the guest's are kept aside: the guest reads and writes
 * its own, which stop nothing, and has them back afterwards. A step needs no flag of the guest's.
 *
 * <p>In strict mode, as in the reference, DEBUG overwrites the guest's debug registers, and a step
 * is the guest's EFLAGS.TF.
 *
 * <p>On the vCPU's thread, or while it stands.
 */
final class Debugger {
    private static final int CONTROL = offset(HaxLayout.DEBUG, "control");
    private static final int REGISTERS = offset(HaxLayout.DEBUG, "dr");
    private static final int KNOWN = DEBUG_ENABLE | DEBUG_STEP | DEBUG_USE_SW_BP | DEBUG_USE_HW_BP;

    private static final int DB = 1;
    private static final int BP = 3;

    // Debug registers: SDM 3B, "Debug Registers".
    private static final long DR6_CONDITIONS = 0xE00F;
    private static final long DR6_BREAKPOINTS = 0xF;
    private static final long DR6_STEP = 1 << 14;
    private static final long DR6_ONES = 0xFFFF_0FF0L;
    private static final long DR7_GENERAL_DETECT = 1 << 13;
    private static final long DR7_WRITABLE = 0xFFFF_23FFL;
    private static final long DR7_ONES = 0x400;

    /** What a DEBUG exit tells. */
    record Hit(long rip, long dr6, long dr7) {}

    private final VcpuContext v;
    private final boolean strict;
    private int control;

    /** Strict mode: EFLAGS.TF follows {@link #control} when the guest is entered next. */
    private boolean trapFlagStale;

    /** The exit that the client has not seen, or null. */
    private @Nullable Hit hit;

    Debugger(VcpuContext v, boolean strict) {
        this.v = v;
        this.strict = strict;
    }

    /**
     * DEBUG.
     *
     * @return 0 or EINVAL
     */
    int control(ByteBuffer arg) {
        int asked = arg.getInt(CONTROL);
        if (!strict && (asked & ~KNOWN) != 0) {
            return EINVAL;
        }
        control = (asked & DEBUG_ENABLE) != 0 ? asked : 0;
        hit = null;
        boolean registers = (control & DEBUG_USE_HW_BP) != 0;
        boolean exceptions = registers || (control & DEBUG_STEP) != 0;
        if (strict) {
            v.guestDr = registers ? cleared() : null;
            trapFlagStale = true;
        } else if (exceptions && v.guestDr == null) {
            v.guestDr = v.dr.clone();
        }
        if (strict || exceptions) {
            System.arraycopy(cleared(), 0, v.dr, 0, v.dr.length);
        } else if (v.guestDr != null) {
            System.arraycopy(v.guestDr, 0, v.dr, 0, v.dr.length);
            v.guestDr = null;
        }
        if (registers) {
            for (int i = 0; i < 4; i++) {
                v.dr[i] = arg.getLong(REGISTERS + 8 * i);
            }
            v.dr[7] = dr7(arg.getLong(REGISTERS + 8 * 7)) & ~DR7_GENERAL_DETECT;
        }
        v.intercepts =
                (exceptions ? 1 << DB : 0) | ((control & DEBUG_USE_SW_BP) != 0 ? 1 << BP : 0);
        return 0;
    }

    private static long[] cleared() {
        return new long[] {0, 0, 0, 0, 0, 0, DR6_ONES, DR7_ONES};
    }

    /** DR6 as the CPU has it when {@code x} is written. */
    static long dr6(long x) {
        return x & DR6_CONDITIONS | DR6_ONES;
    }

    /** DR7 as the CPU has it when {@code x} is written. */
    static long dr7(long x) {
        return x & DR7_WRITABLE | DR7_ONES;
    }

    /** What GET_REGS shows as debug registers, and SET_REGS sets. */
    long[] visible() {
        return strict ? v.dr : v.guestDebugRegisters();
    }

    /** Whether SET_REGS leaves the debug registers alone. */
    boolean locked() {
        return strict && control != 0;
    }

    /** Whether instructions are to be executed one by one. */
    boolean stepping() {
        return !strict && (control & DEBUG_STEP) != 0;
    }

    /** Before the guest runs. */
    void enter() {
        if (trapFlagStale) {
            trapFlagStale = false;
            boolean step = (control & DEBUG_STEP) != 0;
            v.eflags = step ? v.eflags | VcpuContext.TF : v.eflags & ~VcpuContext.TF;
        }
    }

    /** While {@link #stepping}: an instruction is over. */
    void stepped() {
        if (hit == null) {
            hit = new Hit(v.rip, DR6_STEP, v.dr[7]);
        }
    }

    /**
     * The engine left with an exception of {@code v.intercepts}: the client's, or else the guest
     * gets it after all.
     *
     * @param retired an instruction is over
     */
    void intercepted(boolean retired) {
        if (v.fault.vector == BP) {
            hit = new Hit(v.rip, 0, 0);
            return;
        }
        long conditions = v.dr[6] & DR6_CONDITIONS;
        v.dr[6] = DR6_ONES;
        if ((conditions & (strict ? DR6_BREAKPOINTS | DR6_STEP : DR6_BREAKPOINTS)) != 0) {
            long step = stepping() && retired ? DR6_STEP : 0;
            hit = new Hit(v.rip, conditions | step, v.dr[7]);
            return;
        }
        long[] own = v.guestDebugRegisters();
        own[6] = own[6] & ~DR6_BREAKPOINTS | conditions;
        v.injectedVector = DB;
        v.injectedError = PendingFault.NO_ERROR_CODE;
        if (stepping() && retired) {
            stepped();
        }
    }

    /** The exit that the client has not seen, or null; it has it now. */
    @Nullable Hit take() {
        Hit h = hit;
        hit = null;
        return h;
    }
}
