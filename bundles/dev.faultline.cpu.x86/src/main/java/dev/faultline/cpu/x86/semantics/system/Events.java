// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.system;

import dev.faultline.api.cpu.VcpuContext;

/** Event delivery through the IVT or IDT: interrupt, trap and task gates in every mode. SDM 3A, "Interrupt and Exception Handling". */
public final class Events {
    /** Kinds of events. */
    public static final int EXTERNAL = 0;

    public static final int EXCEPTION = 1;
    public static final int SOFTWARE = 2;
    public static final int NMI = 3;

    private Events() {}

    /**
     * Delivers an event at {@code v.rip}. Cold code: returns a code, raises nothing, and changes nothing unless it succeeds.
     *
     * @param errorCode or PendingFault.NO_ERROR_CODE
     * @param length of the INT instruction for {@link #SOFTWARE}, else 0
     * @return 0, or -1 with the fault recorded in {@code v.fault}
     */
    public static int deliver(VcpuContext v, int vector, int errorCode, int kind, int length) {
        throw new IllegalStateException("event delivery is not implemented yet: vector " + vector);
    }
}
