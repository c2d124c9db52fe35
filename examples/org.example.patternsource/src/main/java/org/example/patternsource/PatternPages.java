// SPDX-License-Identifier: Apache-2.0
package org.example.patternsource;

import dev.faultline.api.address.Page;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Machine;

/**
 * Keeps a range of one machine closed and fills each page when it is first touched, before the
 * guest can see it.
 */
final class PatternPages implements FaultHandler, AutoCloseable {

    private final Machine machine;
    private final long seed;
    private final ProtectionLayer layer;

    /** Held while a page is filled and opened; taking rights away happens outside. */
    private final Object filling = new Object();

    PatternPages(Machine machine, long gpa, long size, long seed) {
        this.machine = machine;
        this.seed = seed;
        layer = machine.protection().addLayer("pattern-source", this);
        try {
            layer.protect(gpa, size, Rights.NONE);
        } catch (IllegalArgumentException e) {
            layer.close();
            throw e;
        }
    }

    /** The 8 bytes at {@code gpa} (a multiple of 8): the SplitMix64 of the address and a seed. */
    static long pattern(long seed, long gpa) {
        long z = seed + (gpa / Long.BYTES + 1) * 0x9E3779B97F4A7C15L;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }

    @Override
    public Resolution onFault(String name, PageFault fault) {
        long gpa = fault.gfn() * Page.SIZE;
        synchronized (filling) {
            if (layer.rightsOf(fault.gfn())
                    == Rights.NONE) { // else another vCPU was first, and its writes must stay
                long hva = machine.memory().hvaOf(gpa);
                for (int i = 0; i < Page.SIZE; i += Long.BYTES) {
                    HostBytes.put64(hva + i, pattern(seed, gpa + i));
                }
                machine.mmu().codeWritten(gpa, Page.SIZE);
                layer.protectPage(fault.gfn(), Rights.RWX);
            }
        }
        return Resolution.RETRY;
    }

    /** Pages that were never touched keep what they hold. */
    @Override
    public void close() {
        layer.close();
    }
}
