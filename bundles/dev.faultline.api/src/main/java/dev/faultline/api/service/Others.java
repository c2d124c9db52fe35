// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.service;

import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.FrameworkUtil;

/**
 * Calls of other people's code: what it throws, errors too, ends with the call and is named with
 * its bundle. Any thread.
 */
public final class Others {
    private Others() {}

    /** A step that may throw whatever it likes. */
    @FunctionalInterface
    public interface Step {
        void run() throws Throwable;
    }

    /** The class and, where there is one, the bundle that it came from, for people. */
    public static String name(@Nullable Object service) {
        if (service == null) {
            return "null";
        }
        Bundle bundle = FrameworkUtil.getBundle(service.getClass());
        String type = service.getClass().getName();
        return bundle == null
                ? type
                : "%s of bundle %s %s"
                        .formatted(type, bundle.getSymbolicName(), bundle.getVersion());
    }

    /** What was thrown, in one line; even if its own text throws. */
    public static String why(Throwable thrown) {
        try {
            return thrown.toString().lines().findFirst().orElse(thrown.getClass().getName());
        } catch (Throwable unspeakable) {
            return thrown.getClass().getName();
        }
    }

    /**
     * Runs one step of something whose further steps must run too.
     *
     * @param what begins the log's line, e.g. "machine vm: closing its device clock"
     * @return false if it threw, which has been logged
     */
    public static boolean contained(System.Logger log, String what, Step step) {
        try {
            step.run();
            return true;
        } catch (Throwable thrown) {
            report(log, what, thrown);
            return false;
        }
    }

    /** Logs what was thrown; keeps an interrupt. */
    public static void report(System.Logger log, String what, Throwable thrown) {
        if (thrown instanceof InterruptedException) {
            Thread.currentThread().interrupt();
        }
        try {
            log.log(System.Logger.Level.ERROR, what + " failed: " + why(thrown), thrown);
        } catch (Throwable deaf) {
            // No memory for a message, or a log that throws: the step that follows matters more.
        }
    }

    /**
     * What was thrown, if it says itself what is wrong, as exceptions do; otherwise one that names
     * who threw it.
     */
    public static RuntimeException unchecked(String who, Throwable thrown) {
        return thrown instanceof RuntimeException e
                ? e
                : new IllegalStateException(who + " failed: " + why(thrown), thrown);
    }

    /** Checks that a service made something. */
    public static <T> T made(@Nullable T product, String what, Object by) {
        if (product == null) {
            throw new IllegalStateException("%s: %s made none (null)".formatted(what, name(by)));
        }
        return product;
    }
}
