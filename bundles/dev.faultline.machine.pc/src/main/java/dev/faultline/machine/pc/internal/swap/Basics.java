// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.swap;

import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtectionFactory;

/** What every machine is built on; one of each. */
public record Basics(
        GuestMemoryFactory memory,
        RamProtectionFactory protection,
        MmuFactory mmu,
        ChipsetFactory chipset) {}
