// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.service;

/** Says for people in whose code a thread is. */
public final class Whereabouts {
    private Whereabouts() {}

    /** The innermost method that is not the JDK's. */
    public static String of(StackTraceElement[] trace) {
        for (StackTraceElement e : trace) {
            String type = e.getClassName();
            if (!type.startsWith("java.") && !type.startsWith("jdk.") && !type.startsWith("sun.")) {
                return "in " + e;
            }
        }
        return trace.length == 0 ? "not running" : "in " + trace[0];
    }
}
