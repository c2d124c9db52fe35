// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/** Counts a machine's faults and asks whoever may resolve them: first the layers that forbade the access, then the whiteboard. */
final class FaultDesk {
    private static final System.Logger LOG = System.getLogger(FaultDesk.class.getName());
    private static final int ACCESSES = 3;
    private static final FaultOrigin[] ORIGINS = FaultOrigin.values();

    private final String machine;
    private final RamProtection protection;
    private final HandlerBoard whiteboard;
    private final AtomicLongArray byOrigin = new AtomicLongArray(ORIGINS.length);
    private final AtomicLongArray byAccess = new AtomicLongArray(ACCESSES);
    private final AtomicLong total = new AtomicLong();
    private final AtomicLong resolved = new AtomicLong();

    FaultDesk(String machine, RamProtection protection, HandlerBoard whiteboard) {
        this.machine = machine;
        this.protection = protection;
        this.whiteboard = whiteboard;
    }

    /**
     * Counts the fault and asks for its resolution. At an instruction boundary (or on the timer thread for a device), no lock held.
     *
     * @param kind {@link PendingFault#PROTECTED} or {@link PendingFault#UNBACKED}
     * @return true: execute again; false: the machine must stop with this fault
     */
    boolean resolve(int kind, PageFault fault) {
        total.getAndIncrement();
        byOrigin.getAndIncrement(fault.origin().ordinal());
        for (int i = 0; i < ACCESSES; i++) {
            if ((fault.access() & 1 << i) != 0) {
                byAccess.getAndIncrement(i);
            }
        }
        if (kind == PendingFault.PROTECTED) {
            long forbidding = forbidding(fault);
            if (forbidding == 0) {
                return true; // opened meanwhile by somebody else
            }
            Resolution r = askLayers(forbidding, fault);
            if (r != Resolution.PASS) {
                return count(r);
            }
        }
        return count(whiteboard.ask(machine, fault));
    }

    private boolean count(Resolution r) {
        if (r == Resolution.RETRY) {
            resolved.getAndIncrement();
        }
        return r == Resolution.RETRY;
    }

    private long forbidding(PageFault fault) {
        long layers = 0;
        for (int bit = Rights.R; bit <= Rights.X; bit <<= 1) {
            if ((fault.access() & bit) != 0) {
                layers |= protection.forbiddingLayers(fault.gfn(), bit);
            }
        }
        return layers;
    }

    private Resolution askLayers(long forbidding, PageFault fault) {
        List<ProtectionLayer> layers = protection.layers();
        for (int i = 0; i < layers.size(); i++) {
            FaultHandler h = (forbidding >>> i & 1) != 0 ? protection.handlerOf(layers.get(i)) : null;
            if (h != null) {
                Resolution r = ask(h, machine, fault);
                if (r != Resolution.PASS) {
                    return r;
                }
            }
        }
        return Resolution.PASS;
    }

    /** Asks one handler; one that throws is named in the log and counts as PASS. */
    static Resolution ask(FaultHandler handler, String machine, PageFault fault) {
        try {
            Resolution r = handler.onFault(machine, fault);
            return r == null ? Resolution.PASS : r;
        } catch (RuntimeException e) {
            LOG.log(
                    System.Logger.Level.ERROR,
                    "fault handler " + handler.getClass().getName() + " failed at " + fault,
                    e);
            return Resolution.PASS;
        }
    }

    long total() {
        return total.get();
    }

    long resolved() {
        return resolved.get();
    }

    Map<FaultOrigin, Long> byOrigin() {
        Map<FaultOrigin, Long> counts = new EnumMap<>(FaultOrigin.class);
        for (FaultOrigin o : ORIGINS) {
            counts.put(o, byOrigin.get(o.ordinal()));
        }
        return counts;
    }

    Map<String, Long> byAccess() {
        Map<String, Long> counts = new TreeMap<>();
        counts.put("R", byAccess.get(0));
        counts.put("W", byAccess.get(1));
        counts.put("X", byAccess.get(2));
        return counts;
    }
}
