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

    /** WRMSR to IA32_APIC_BASE. @return false for a value that must raise #GP */
    boolean apicBase(long value);

    /** IA32_TSC_DEADLINE. */
    long tscDeadline();

    void tscDeadline(long value);
}
