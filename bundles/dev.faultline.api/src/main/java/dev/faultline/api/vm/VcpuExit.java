// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import dev.faultline.api.fault.PageFault;

/** Why {@link Machine#await} or a vCPU came back. A caller can switch over it. */
public sealed interface VcpuExit {
    /**
     * Protection stopped an access and no handler resolved it: resolve, then resume. The
     * instruction has not begun.
     *
     * @param reason why the machine stopped with it: {@link #UNRESOLVED}, a livelock, or what the
     *     handler said that stopped it
     */
    record Fault(PageFault fault, String reason) implements VcpuExit {
        /** {@link #reason} of a fault that was brought before all handlers. */
        public static final String UNRESOLVED = "an access was stopped and nobody resolved it";

        public Fault(PageFault fault) {
            this(fault, UNRESOLVED);
        }
    }

    /**
     * The caller paused the machine, or a required service went away; {@code reason} says which.
     */
    record Paused(String reason) implements VcpuExit {}

    /**
     * The guest ended itself through the debug-exit port; {@code code} is what the process would
     * exit with.
     */
    record Exited(int code) implements VcpuExit {}

    /** ACPI power-off, or HLT with nothing that could wake it. */
    record PoweredOff(String how) implements VcpuExit {}

    /**
     * The guest asked for a reset; {@code how} says by which register. It stands behind that
     * instruction, with nothing reset: {@link Machine#reset} does it.
     */
    record Reset(String how) implements VcpuExit {}

    /** Triple fault; says where and why. {@link Machine#reset} is what a PC does then. */
    record Crashed(String why) implements VcpuExit {}
}
