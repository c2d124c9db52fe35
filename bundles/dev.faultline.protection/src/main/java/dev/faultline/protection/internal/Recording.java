// SPDX-License-Identifier: Apache-2.0
package dev.faultline.protection.internal;

import jdk.jfr.FlightRecorder;

/** Whether events are wanted. Keeps the event class, whose loading takes a while, out of processes that never record. */
final class Recording {
    private Recording() {}

    /** Start of an operation, never 0; 0 if no event is wanted. */
    static long start() {
        return FlightRecorder.isInitialized() && ProtectEvent.on() ? System.nanoTime() | 1 : 0;
    }

    static void protect(String layer, long firstGfn, long lastGfn, int rights, long start) {
        ProtectEvent.write(layer, firstGfn, lastGfn, rights, System.nanoTime() - start);
    }
}
