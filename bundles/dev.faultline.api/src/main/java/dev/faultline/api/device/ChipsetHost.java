// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import org.osgi.annotation.versioning.ProviderType;

/**
 * How interrupt controllers reach the vCPUs of their machine. Any thread; never blocks, never calls
 * back into a chip.
 */
@ProviderType
public interface ChipsetHost {
    /** Index of the vCPU whose thread is calling, or 0 on any other thread. */
    int currentVcpu();

    /** An interrupt or NMI became deliverable: the vCPU looks at its port soon. */
    void interruptPending(int vcpu);

    /** INIT arrived for the vCPU. */
    void init(int vcpu);

    /**
     * SIPI arrived for the vCPU.
     *
     * @param vector bits 19:12 of the real-mode start address
     */
    void startup(int vcpu, int vector);

    /** What the vCPU's RDTSC adds to the machine's counter. */
    long tscOffset(int vcpu);
}
