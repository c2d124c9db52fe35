// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

/** Says for people in whose code a thread is. */
final class Whereabouts {
    private Whereabouts() {}

    /** The innermost method that is not the JDK's. */
    static String of(StackTraceElement[] trace) {
        for (StackTraceElement e : trace) {
            String type = e.getClassName();
            if (!type.startsWith("java.") && !type.startsWith("jdk.") && !type.startsWith("sun.")) {
                return "in " + e;
            }
        }
        return trace.length == 0 ? "not running" : "in " + trace[0];
    }

    /** Whether the thread waits where a vCPU stands. */
    static boolean stands(StackTraceElement[] trace) {
        for (StackTraceElement e : trace) {
            if (e.getClassName().equals(RunControl.class.getName())
                    && (e.getMethodName().equals("go") || e.getMethodName().equals("rejoin"))) {
                return true;
            }
        }
        return trace.length == 0;
    }
}
