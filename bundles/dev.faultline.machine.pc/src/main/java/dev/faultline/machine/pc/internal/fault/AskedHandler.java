// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.fault;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.service.Others;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A fault handler and how it has behaved. Any thread. */
final class AskedHandler {
    private static final long MOST_PATIENCE = 600_000;

    private static final System.Logger LOG = System.getLogger(AskedHandler.class.getName());

    final FaultHandler handler;
    final String name;
    private final AtomicInteger failures = new AtomicInteger();
    private volatile boolean leftOut;

    /** Id of the thread that took it off the whiteboard, or 0. */
    volatile long withdrawnBy;

    /**
     * @param owner the layer it belongs to, or null for the whiteboard
     */
    AskedHandler(FaultHandler handler, @Nullable String owner) {
        this.handler = handler;
        String type = Others.name(handler);
        name = owner == null ? type : type + " of layer " + owner;
    }

    /** It failed too often and is not asked any more. */
    boolean leftOut() {
        return leftOut;
    }

    /** See {@link FaultHandler#patienceMillis}; 0 if it does not say so properly. */
    long patienceNanos() {
        try {
            return Math.clamp(handler.patienceMillis(), 0, MOST_PATIENCE) * 1_000_000;
        } catch (Throwable e) { // others' code
            return 0;
        }
    }

    void behaved() {
        if (failures.get() != 0) {
            failures.set(0);
        }
    }

    /** Names it in the log; leaves it out after {@code most} failures in a row. */
    void failed(int most, String how, @Nullable Throwable cause) {
        LOG.log(System.Logger.Level.ERROR, "fault handler " + name + " " + how, cause);
        if (failures.incrementAndGet() >= most && !leftOut) {
            leftOut = true;
            LOG.log(
                    System.Logger.Level.ERROR,
                    "fault handler " + name + " is left out after " + most + " failures in a row");
        }
    }
}
