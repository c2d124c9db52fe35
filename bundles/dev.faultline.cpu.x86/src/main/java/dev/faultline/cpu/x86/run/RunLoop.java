// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.run;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.cpu.x86.debug.Debug;
import dev.faultline.cpu.x86.disassembly.CurrentInstruction;
import dev.faultline.cpu.x86.memory.Mem;
import dev.faultline.cpu.x86.state.Faults;
import dev.faultline.cpu.x86.transfer.Events;

/**
 * The loop around an engine's inner loop: delivers guest exceptions and interrupts, applies the
 * double-fault rules, and leaves for everything that is not the guest's business. The same for
 * every engine and both fault styles. SDM 3A, "Interrupt and Exception Handling".
 */
public final class RunLoop {
    private static final int EVENT_DELIVERED = 0;

    /** Result of {@link #before}: there was none. */
    private static final int NO_EVENT = -2;

    private RunLoop() {}

    /**
     * Runs until an exit of {@link VcpuLoop}.
     *
     * @param loop the engine's inner loop; leaves {@code v.rip} at the start of the instruction
     *     that faulted, or of the next one
     * @param once leave with EXIT_REQUEST after one call of {@code loop} or one delivered event
     */
    public static int run(VcpuLoop loop, VcpuContext v, boolean once) {
        v.enterGuest();
        try {
            for (; ; ) {
                v.serviceFlush();
                int x = before(v);
                if (x != NO_EVENT) {
                    if (x != EVENT_DELIVERED) {
                        return x;
                    }
                    if (once || v.diversion.active()) {
                        return VcpuLoop.EXIT_REQUEST; // a handler's answers were for this delivery
                    }
                }
                x = v.propagation.run(loop, v);
                if (x == VcpuLoop.EXIT_FAULT) {
                    loop.unwound(v);
                    v.fault.rip = v.rip;
                    if (v.fault.kind != PendingFault.GUEST) {
                        Mem.stopped(v);
                        return VcpuLoop.EXIT_FAULT;
                    }
                    v.endDiversion(); // the instruction is over
                    if ((v.intercepts >>> v.fault.vector & 1) != 0) {
                        v.fault.kind = PendingFault.INTERCEPTED;
                        return VcpuLoop.EXIT_FAULT;
                    }
                    x = exception(v);
                    if (x != EVENT_DELIVERED) {
                        return x;
                    }
                } else if (x != VcpuLoop.EXIT_REQUEST) {
                    return x;
                }
                if (once) {
                    return VcpuLoop.EXIT_REQUEST;
                }
            }
        } finally {
            v.leaveGuest();
        }
    }

    /**
     * Whether the run loop is to look at interrupts, shadows, traps or requests before the next
     * instruction. For engines, after what may have changed that.
     */
    public static boolean hasWork(VcpuContext v) {
        return v.interruptShadow
                || v.requestOpaque() != 0
                || Stepping.needed(v)
                || !v.nmiBlocked && v.interrupts.nmiPending()
                || (v.eflags & VcpuContext.IF) != 0 && v.interrupts.pending();
    }

    /**
     * Requests, an exception of a fault handler's, an event that was stopped by protection, NMI,
     * interrupt. Returns NO_EVENT, 0 or an exit.
     */
    private static int before(VcpuContext v) {
        if (v.activity == VcpuContext.SHUTDOWN) {
            return VcpuLoop.EXIT_SHUTDOWN;
        }
        if (v.take(VcpuContext.REQ_STOP) != 0) {
            return VcpuLoop.EXIT_REQUEST;
        }
        v.take(VcpuContext.REQ_INTERRUPT);
        if (v.injectedVector >= 0) {
            return injected(v);
        }
        if (v.pendingVector >= 0) {
            return again(v);
        }
        if (v.interruptShadow || v.diversion.active() || v.pendingDebug != 0) {
            // The engine executes exactly one instruction and clears the shadow; what handlers
            // answered is for that instruction; a debug trap has priority.
            return NO_EVENT;
        }
        if (v.retriesFirst()) {
            v.post(VcpuContext.REQ_INTERRUPT); // looked at right after the instruction
            return NO_EVENT;
        }
        if (!v.nmiBlocked && v.interrupts.nmiPending()) {
            v.interrupts.takeNmi();
            v.activity = VcpuContext.RUNNING;
            v.nmiBlocked = true;
            Debug.interrupting(v);
            return deliver(v, Faults.NMI, PendingFault.NO_ERROR_CODE, Events.NMI, 0);
        }
        if ((v.eflags & VcpuContext.IF) != 0 && v.interrupts.pending()) {
            int vector = v.interrupts.acknowledge();
            if (vector >= 0) {
                v.activity = VcpuContext.RUNNING;
                Debug.interrupting(v);
                return deliver(v, vector, PendingFault.NO_ERROR_CODE, Events.EXTERNAL, 0);
            }
        }
        return v.activity == VcpuContext.HALTED ? VcpuLoop.EXIT_HALT : NO_EVENT;
    }

    private static int again(VcpuContext v) {
        int vector = v.pendingVector;
        v.pendingVector = -1;
        return deliver(v, vector, v.pendingError, v.pendingKind, v.pendingLength);
    }

    /**
     * A fault handler's exception, raised by the instruction, or by the delivery, that was stopped.
     */
    private static int injected(VcpuContext v) {
        int vector = v.injectedVector;
        v.injectedVector = -1;
        int first = v.pendingVector;
        int kind = v.pendingKind;
        v.pendingVector = -1;
        boolean whileDelivering = first >= 0;
        if (whileDelivering && first == Faults.DF && kind == Events.EXCEPTION) {
            v.fault.guest(vector, v.injectedError);
            return tripleFault(v, v.fault);
        }
        boolean df = whileDelivering && doubles(first, kind, vector);
        return deliver(v, df ? Faults.DF : vector, df ? 0 : v.injectedError, Events.EXCEPTION, 0);
    }

    /** Delivers the exception recorded in {@code v.fault}. */
    private static int exception(VcpuContext v) {
        PendingFault f = v.fault;
        if (f.vector == Faults.PF) {
            v.cr2 = f.gva;
        }
        return deliver(v, f.vector, f.errorCode, Events.EXCEPTION, 0);
    }

    /**
     * Delivers one event, with the double-fault rules: SDM 3A, "Interrupt 8 - Double Fault
     * Exception (#DF)".
     *
     * @return 0, EXIT_FAULT (protection stopped the delivery; the event waits in pendingVector), or
     *     EXIT_SHUTDOWN
     */
    public static int deliver(VcpuContext v, int vector, int errorCode, int kind, int length) {
        int first = vector;
        int code = errorCode;
        int k = kind;
        int len = length;
        Debug.interrupted(v);
        for (; ; ) {
            if (Events.deliver(v, first, code, k, len) == 0) {
                return EVENT_DELIVERED;
            }
            PendingFault f = v.fault;
            f.rip = v.rip;
            if (f.kind != PendingFault.GUEST) {
                v.pendingVector = first;
                v.pendingError = code;
                v.pendingKind = k;
                v.pendingLength = len;
                Mem.stopped(v);
                return VcpuLoop.EXIT_FAULT;
            }
            if (f.vector == Faults.PF) {
                v.cr2 = f.gva;
            }
            if (first == Faults.DF && k == Events.EXCEPTION) {
                return tripleFault(v, f);
            }
            boolean df = doubles(first, k, f.vector);
            first = df ? Faults.DF : f.vector;
            code = df ? 0 : f.errorCode;
            k = Events.EXCEPTION;
            len = 0;
        }
    }

    /** Whether {@code second}, raised while {@code first} is delivered, makes a double fault. */
    private static boolean doubles(int first, int kind, int second) {
        return kind == Events.EXCEPTION
                && (contributory(first) && contributory(second)
                        || first == Faults.PF && (second == Faults.PF || contributory(second)));
    }

    private static boolean contributory(int vector) {
        return vector == Faults.DE || vector >= Faults.TS && vector <= Faults.GP;
    }

    private static int tripleFault(VcpuContext v, PendingFault last) {
        v.activity = VcpuContext.SHUTDOWN;
        v.shutdownReason =
                "triple fault at cs:rip 0x%x:0x%x (exception %d while delivering #DF; cr2 0x%x, rsp 0x%x, cr3 0x%x, idt base 0x%x limit 0x%x): %s"
                        .formatted(
                                v.segSel[1],
                                v.rip,
                                last.vector,
                                v.cr2,
                                v.gpr[4],
                                v.cr3,
                                v.idtBase,
                                v.idtLimit,
                                CurrentInstruction.of(v));
        return VcpuLoop.EXIT_SHUTDOWN;
    }
}
