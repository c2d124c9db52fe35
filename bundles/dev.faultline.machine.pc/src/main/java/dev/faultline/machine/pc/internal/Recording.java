// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.vm.VcpuExit;
import jdk.jfr.FlightRecorder;

/** Whether events are wanted. Keeps the event classes, whose loading takes a while, out of processes that never record. */
final class Recording {
    private Recording() {}

    static boolean faults() {
        return FlightRecorder.isInitialized() && FaultEvent.on();
    }

    static boolean handlers() {
        return FlightRecorder.isInitialized() && HandlerEvent.on();
    }

    static void swap(String machine, String to, long nanos) {
        if (FlightRecorder.isInitialized()) {
            MachineEvents.swap(machine, to, nanos);
        }
    }

    static void exit(String machine, VcpuExit exit) {
        if (FlightRecorder.isInitialized()) {
            MachineEvents.exit(machine, exit);
        }
    }
}
