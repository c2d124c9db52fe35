// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.swap;

import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;

/** Checks what {@link MachineConfig} promises. */
public final class ConfigCheck {
    static final long MIB = 1L << 20;
    static final long LEAST_RAM = 4 * MIB;
    static final long MOST_RAM = 1L << 40;
    static final int MOST_VCPUS = 16;

    private ConfigCheck() {}

    public static void check(MachineConfig c) throws MachineException {
        if (c.name() == null || c.name().isBlank()) {
            throw new MachineException("the machine has no name");
        }
        if (c.ramBytes() < LEAST_RAM || c.ramBytes() > MOST_RAM || c.ramBytes() % MIB != 0) {
            throw new MachineException(
                    "memory of %d bytes: must be 4 MiB to 1 TiB, a multiple of 1 MiB, e.g. --memory 512M"
                            .formatted(c.ramBytes()));
        }
        if (c.vcpus() < 1 || c.vcpus() > MOST_VCPUS) {
            throw new MachineException(
                    "%d vCPUs: must be 1 to %d".formatted(c.vcpus(), MOST_VCPUS));
        }
    }
}
