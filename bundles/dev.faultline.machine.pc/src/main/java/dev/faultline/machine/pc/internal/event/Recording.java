// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.event;

import dev.faultline.api.vm.VcpuExit;
import jdk.jfr.FlightRecorder;

/**
 * Whether events are wanted. Keeps the event classes, whose loading takes a while, out of processes
 * that never record.
 */
public final class Recording {
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

    public static boolean faults() {
        try {
            return started() && FaultEvent.on();
        } catch (LinkageError e) {
            failed(e);
            return false;
        }
    }

    public static boolean handlers() {
        try {
            return started() && HandlerEvent.on();
        } catch (LinkageError e) {
            failed(e);
            return false;
        }
    }

    public static void swap(String machine, String to, long nanos) {
        try {
            if (started()) {
                MachineEvents.swap(machine, to, nanos);
            }
        } catch (LinkageError e) {
            failed(e);
        }
    }

    public static void exit(String machine, VcpuExit exit) {
        try {
            if (started()) {
                MachineEvents.exit(machine, exit);
            }
        } catch (LinkageError e) {
            failed(e);
        }
    }
}
