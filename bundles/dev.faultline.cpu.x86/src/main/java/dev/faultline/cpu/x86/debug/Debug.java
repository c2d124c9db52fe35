// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.debug;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.cpu.x86.state.Faults;
import java.util.Arrays;

/**
 * Single-stepping, instruction, data and I/O breakpoints. SDM 3B, "Debug, Branch Profile, TSC, and
 * Intel RDT Features", "Debug Registers" and "Debug Exceptions".
 *
 * <p>An engine asks {@link #needed} at block boundaries; while it is true, it executes one
 * instruction at a time between {@link #before} and {@link #after}. Data breakpoints are seen on
 * the miss path of data accesses: pages that contain an armed address are never left in the
 * translation cache.
 */
public final class Debug {
    /** DR6: single step, debug-register access, task switch. */
    public static final int DR6_BS = 1 << 14;

    public static final int DR6_BD = 1 << 13;
    public static final int DR6_BT = 1 << 15;

    /** DR7: general detect. */
    public static final int DR7_GD = 1 << 13;

    private static final int ENABLED = 0xFF;
    private static final int EXECUTE = 0;
    private static final int WRITE = 1;
    private static final int IO = 2;

    private Debug() {}

    /**
     * Whether instructions must be executed one at a time: EFLAGS.TF is set, or a breakpoint is
     * armed.
     */
    public static boolean needed(VcpuContext v) {
        return (v.eflags & VcpuContext.TF) != 0 || (v.dr[7] & ENABLED) != 0 || v.pendingDebug != 0;
    }

    /** Whether data accesses that miss must be reported to {@link #accessed}. */
    public static boolean watches(VcpuContext v) {
        return (v.dr[7] & ENABLED) != 0;
    }

    /**
     * Before the instruction at {@code v.rip} is fetched: a trap that is due, and instruction
     * breakpoints, unless EFLAGS.RF or a load of SS holds them off.
     *
     * @return 0, or negative: #DB was raised
     */
    public static int before(VcpuContext v) {
        DebugState s = DebugState.of(v);
        s.suppressTrap = false;
        s.resumeLoaded = false;
        s.holdsInterrupts = false;
        s.holdsDebug = false;
        int due = v.pendingDebug;
        if (due != 0 && !v.debugShadow) {
            v.pendingDebug = 0;
            return raise(v, due);
        }
        s.hits = due; // stays pending until this instruction retires: it may be tried again
        if ((v.dr[7] & ENABLED) == 0) {
            return 0;
        }
        forgetWatched(v);
        if ((v.eflags & VcpuContext.RF) != 0 || v.debugShadow) {
            return 0;
        }
        long lin = v.effBase[Segments.CS] + v.rip & v.ripMask;
        int bits = 0;
        for (int i = 0; i < 4; i++) {
            if (armed(v, i) && kind(v, i) == EXECUTE && address(v, i) == lin) {
                bits |= 1 << i;
            }
        }
        return bits == 0 ? 0 : raise(v, bits);
    }

    /**
     * After an instruction retired (or one iteration of a repeated one: then {@code v.rip} is still
     * its start): the shadow that it was in ends, and traps are due.
     *
     * @param flagsBefore {@code v.eflags} as the instruction found them
     * @param repeated a repeated instruction goes on: its RF stays, and is set in what the trap
     *     pushes
     * @return 0, or negative: #DB was raised, {@code v.rip} being the next instruction
     */
    public static int after(VcpuContext v, int flagsBefore, boolean repeated) {
        DebugState s = DebugState.of(v);
        if (!repeated && (flagsBefore & VcpuContext.RF) != 0 && !s.resumeLoaded) {
            v.eflags &= ~VcpuContext.RF;
        }
        v.interruptShadow = s.holdsInterrupts;
        v.debugShadow = s.holdsDebug;
        if (s.holdsDebug) {
            v.pendingDebug = s.hits;
            return 0;
        }
        if ((v.pendingDebug & DR6_BS) != 0) {
            // It trapped itself: due before the next instruction, whoever executes it.
            v.pendingDebug |= s.hits;
            return 0;
        }
        int bits = s.hits;
        v.pendingDebug = 0;
        s.hits = 0;
        if ((flagsBefore & VcpuContext.TF) != 0 && !s.suppressTrap) {
            bits |= DR6_BS;
        }
        if (bits == 0) {
            return 0;
        }
        if (v.pendingVector >= 0) {
            // A task switch left an exception of the new task: its T trap is this one, too; any
            // other has priority.
            if (v.pendingVector == Faults.DB) {
                v.guestDebugRegisters()[6] |= bits;
            }
            return 0;
        }
        if (repeated) {
            v.eflags |= VcpuContext.RF;
        }
        return raise(v, bits);
    }

    /** An event is delivered: conditions that a load of SS held over are forgotten. */
    public static void interrupted(VcpuContext v) {
        v.pendingDebug = 0;
    }

    /**
     * Before an interrupt is delivered: if it comes between two iterations of a repeated
     * instruction, the image of EFLAGS has RF set, so that a breakpoint on the instruction does not
     * stop it again when it goes on. SDM 3B, "Instruction-Breakpoint Exception Condition".
     */
    public static void interrupting(VcpuContext v) {
        if (v.repeating()) {
            v.eflags |= VcpuContext.RF;
        }
    }

    /**
     * MOV SS or POP SS retires: interrupts and debug exceptions are held off for one instruction,
     * so that it can load the stack pointer; of consecutive ones only the first does. LSS does not.
     * SDM 3A, "Masking Exceptions and Interrupts When Switching Stacks".
     */
    public static void stackSegmentLoaded(VcpuContext v) {
        if (v.debugShadow) {
            return;
        }
        holdInterrupts(v);
        v.debugShadow = true;
        DebugState.of(v).holdsDebug = true;
    }

    /** Interrupts are held off for one instruction. */
    public static void holdInterrupts(VcpuContext v) {
        v.interruptShadow = true;
        DebugState.of(v).holdsInterrupts = true;
    }

    /**
     * INT1 delivers #DB: what a load of SS held over for the boundary after it is not delivered
     * besides. (After INT n, INT3, INTO, SYSCALL and SYSENTER it is, in the handler; a fault drops
     * it: {@link #interrupted}.)
     */
    public static void superseded(VcpuContext v) {
        DebugState.of(v).hits &= ~v.pendingDebug;
        v.pendingDebug = 0;
    }

    /** This instruction loaded TF in a way that traps right after it, not after the next one. */
    public static void trapNow(VcpuContext v) {
        v.pendingDebug |= DR6_BS;
        DebugState.of(v).suppressTrap = true;
    }

    /**
     * Records the data breakpoints that an access of {@code size} bytes at {@code lin} meets.
     * Called on the miss path while {@link #watches}.
     */
    public static void accessed(VcpuContext v, long lin, int size, int access) {
        DebugState s = DebugState.of(v);
        for (int i = 0; i < 4; i++) {
            int k = kind(v, i);
            if (armed(v, i)
                    && (k == WRITE ? (access & 2) != 0 : k == 3)
                    && overlaps(v, i, lin, size)) {
                s.hits |= 1 << i;
            }
        }
        forgetWatched(v);
    }

    /** As {@link #accessed} for a port, under CR4.DE. */
    public static void ports(VcpuContext v, int port, int size) {
        if ((v.cr4 & VcpuContext.CR4_DE) == 0) {
            return;
        }
        DebugState s = DebugState.of(v);
        for (int i = 0; i < 4; i++) {
            if (armed(v, i) && kind(v, i) == IO && overlaps(v, i, port, size)) {
                s.hits |= 1 << i;
            }
        }
    }

    /** Makes the next data access to every page with an armed address a miss. */
    public static void forgetWatched(VcpuContext v) {
        for (int i = 0; i < 4; i++) {
            if (armed(v, i) && (kind(v, i) & 1) != 0) {
                int at =
                        (int) (address(v, i) >>> 12 & VcpuContext.TLB_ENTRIES - 1)
                                * VcpuContext.TLB_STRIDE;
                Arrays.fill(v.tlb, at, at + 2, -1);
            }
        }
    }

    /**
     * DR6 and DR7 as delivery of #DB leaves them: called when one is raised, with the conditions
     * found.
     */
    public static void conditions(long[] dr, int bits) {
        dr[6] = dr[6] & ~0xFL | bits;
    }

    private static int raise(VcpuContext v, int bits) {
        conditions(v.dr, bits);
        v.fault.guest(Faults.DB, PendingFault.NO_ERROR_CODE);
        return (int) v.propagation.raise(v);
    }

    private static boolean armed(VcpuContext v, int i) {
        return (v.dr[7] >>> 2 * i & 3) != 0;
    }

    private static int kind(VcpuContext v, int i) {
        return (int) (v.dr[7] >>> 16 + 4 * i) & 3;
    }

    private static long length(VcpuContext v, int i) {
        return switch ((int) (v.dr[7] >>> 18 + 4 * i) & 3) {
            case 0 -> 1;
            case 1 -> 2;
            case 2 -> 8;
            default -> 4;
        };
    }

    /** Breakpoint addresses count in whole units of their length. */
    private static long address(VcpuContext v, int i) {
        long a = v.dr[i];
        if (!v.longMode()) {
            a &= 0xFFFF_FFFFL;
        }
        return kind(v, i) == EXECUTE ? a : a & -length(v, i);
    }

    private static boolean overlaps(VcpuContext v, int i, long at, int size) {
        long first = address(v, i);
        return at + size - 1 >= first && at <= first + length(v, i) - 1;
    }
}
