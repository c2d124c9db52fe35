// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.event;

import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** JFR: one question to a fault handler. */
@Name("faultline.Handler")
@Label("Fault Handler")
@Description("A fault handler was asked")
@Category("Faultline")
@StackTrace(false)
@Enabled(false)
public final class HandlerEvent extends Event {
    private static final HandlerEvent PROBE = new HandlerEvent();

    @Label("Machine")
    @Nullable String machine;

    @Label("Handler")
    @Nullable String handler;

    @Label("Guest-Physical Address")
    long gpa;

    @Label("Answer")
    @Nullable String answer;

    @Label("Failure")
    @Nullable String failure;

    @Label("Nanoseconds")
    long nanos;

    static boolean on() {
        return PROBE.isEnabled();
    }

    public static void write(
            String machine,
            String handler,
            PageFault f,
            @Nullable Resolution r,
            @Nullable String failure,
            long nanos) {
        HandlerEvent e = new HandlerEvent();
        if (e.shouldCommit()) {
            e.machine = machine;
            e.handler = handler;
            e.gpa = f.gpa();
            e.answer = String.valueOf(r);
            e.failure = failure;
            e.nanos = nanos;
            e.commit();
        }
    }
}
