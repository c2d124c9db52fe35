// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.event;

import dev.faultline.api.vm.VcpuExit;
import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** JFR: what happens to a machine as a whole. */
final class MachineEvents {
    private MachineEvents() {}

    @Name("faultline.Swap")
    @Label("Service Swap")
    @Description("A machine changed its engine or fault style while its vCPUs stood")
    @Category("Faultline")
    @StackTrace(false)
    @Enabled(false)
    static final class Swap extends Event {
        @Label("Machine")
        @Nullable String machine;

        @Label("To")
        @Nullable String to;

        @Label("Nanoseconds")
        long nanos;
    }

    @Name("faultline.Exit")
    @Label("Machine Exit")
    @Description("A machine was brought to a stand")
    @Category("Faultline")
    @StackTrace(false)
    @Enabled(false)
    static final class Exit extends Event {
        @Label("Machine")
        @Nullable String machine;

        @Label("Exit")
        @Nullable String exit;
    }

    static void swap(String machine, String to, long nanos) {
        Swap e = new Swap();
        if (e.shouldCommit()) {
            e.machine = machine;
            e.to = to;
            e.nanos = nanos;
            e.commit();
        }
    }

    static void exit(String machine, VcpuExit exit) {
        Exit e = new Exit();
        if (e.shouldCommit()) {
            e.machine = machine;
            e.exit = exit.toString();
            e.commit();
        }
    }
}
