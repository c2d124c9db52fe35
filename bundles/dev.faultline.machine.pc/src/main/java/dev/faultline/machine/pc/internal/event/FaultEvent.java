// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.event;

import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.Rights;
import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** JFR: one stopped access and its resolution. */
@Name("faultline.Fault")
@Label("Guest RAM Fault")
@Description("A stopped access of a guest or device, and what was decided")
@Category("Faultline")
@StackTrace(false)
@Enabled(false)
public final class FaultEvent extends Event {
    private static final FaultEvent PROBE = new FaultEvent();

    @Label("Machine")
    @Nullable String machine;

    @Label("vCPU")
    int vcpu;

    @Label("Guest-Physical Address")
    long gpa;

    @Label("Guest-Virtual Address")
    long gva;

    @Label("Instruction Pointer")
    long rip;

    @Label("Access")
    @Nullable String access;

    @Label("Origin")
    @Nullable String origin;

    @Label("Attempt")
    int attempt;

    @Label("Answer")
    @Nullable String answer;

    @Label("Nanoseconds")
    long nanos;

    static boolean on() {
        return PROBE.isEnabled();
    }

    public static void write(String machine, PageFault f, Resolution r, long start) {
        FaultEvent e = new FaultEvent();
        if (e.shouldCommit()) {
            e.machine = machine;
            e.vcpu = f.vcpu();
            e.gpa = f.gpa();
            e.gva = f.hasGva() ? f.gva() : 0;
            e.rip = f.rip();
            e.access = Rights.toString(f.access());
            e.origin = f.origin().name();
            e.attempt = f.attempt();
            e.answer = r.toString();
            e.nanos = System.nanoTime() - start;
            e.commit();
        }
    }
}
