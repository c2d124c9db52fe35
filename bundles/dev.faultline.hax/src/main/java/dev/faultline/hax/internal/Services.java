// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtectionFactory;

/**
 * What VMs are made of.
 *
 * @param propagation a thrown style: a device read leaves the engine from inside the bus call,
 *     which has no result that says so
 */
record Services(
        GuestMemoryFactory memory,
        RamProtectionFactory protection,
        MmuFactory mmu,
        VcpuEngineFactory engine,
        FaultPropagation propagation) {}
