// SPDX-License-Identifier: Apache-2.0
package dev.faultline.protection.internal;

import jdk.jfr.FlightRecorder;

/**
 * Whether events are wanted. Keeps the event class, whose loading takes a while, out of processes
 * that never record.
 */
final class Recording {
    private static final System.Logger LOG = System.getLogger(Recording.class.getName());

    /** A framework that hides jdk.jfr.internal.event from bundles: events cannot be written. */
    private static volatile boolean broken;

    private Recording() {}

    private static boolean started() {
        return FlightRecorder.isInitialized() && !broken;
    }

    private static void failed(LinkageError e) {
        broken = true;
        LOG.log(
                System.Logger.Level.WARNING,
                "no flight recorder events: org.osgi.framework.bootdelegation must name jdk.jfr.internal.event",
                e);
    }

    /** Start of an operation, never 0; 0 if no event is wanted. */
    static long start() {
        try {
            return started() && ProtectEvent.on() ? System.nanoTime() | 1 : 0;
        } catch (LinkageError e) {
            failed(e);
            return 0;
        }
    }

    static void protect(String layer, long firstGfn, long lastGfn, int rights, long start) {
        ProtectEvent.write(layer, firstGfn, lastGfn, rights, System.nanoTime() - start);
    }
}
