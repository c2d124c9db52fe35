// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.cpu;

import org.osgi.annotation.versioning.ProviderType;

/**
 * A vCPU's view of its interrupt controller (local APIC with the PIC behind LINT0). On the vCPU's
 * thread.
 */
@ProviderType
public interface InterruptPort {
    /**
     * True if {@link #acknowledge} would give a vector now (priority against TPR considered).
     * Cheap.
     */
    boolean pending();

    /** Takes the highest pending interrupt: its vector 0..255, or -1 (it went away). */
    int acknowledge();

    /** True if an NMI is latched; taking it is {@link #takeNmi}. */
    boolean nmiPending();

    void takeNmi();

    /** CR8 / TPR bits 7:4. */
    int taskPriority();

    void taskPriority(int value);

    /** IA32_APIC_BASE. */
    long apicBase();

    /**
     * WRMSR to IA32_APIC_BASE.
     *
     * @return false for a value that must raise #GP
     */
    boolean apicBase(long value);

    /** IA32_TSC_DEADLINE. */
    long tscDeadline();

    void tscDeadline(long value);

    /**
     * FERR#, by which a PC reports x87 errors while CR0.NE is 0 (SDM 1, "Guidelines for Writing x87
     * FPU Exception Handlers"): asserted at the waiting instruction that finds one, which is not
     * executed meanwhile; taken back when no error is left.
     *
     * @return false: the pin is wired to nothing, and the vCPU raises #MF as if CR0.NE were 1
     */
    default boolean floatingPointError(boolean asserted) {
        return false;
    }

    /** IGNNE#: x87 instructions are executed though an error is pending, while CR0.NE is 0. */
    default boolean ignoresFloatingPointErrors() {
        return false;
    }
}
