// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;

/**
 * Prints what bundles log as warnings and errors on standard error.
 *
 * <p>The log service keeps entries to itself unless somebody listens. Its types live in the
 * framework, hence the proxy. System property {@code faultline.log}: the least urgent level that is
 * printed (ERROR, WARN, INFO, DEBUG, TRACE).
 */
final class LogRelay implements InvocationHandler {
    private static final String READER = "org.osgi.service.log.LogReaderService";
    private static final String LISTENER = "org.osgi.service.log.LogListener";

    private final Level least;

    /** In the order of urgency, as in the log specification. */
    private enum Level {
        AUDIT,
        ERROR,
        WARN,
        INFO,
        DEBUG,
        TRACE
    }

    /** What FileInstall says at each failure; the bundle's location follows. */
    private static final String DOES_NOT_START = "Error while starting bundle: ";

    private final Set<String> told;

    /** The last entry that was printed or passed over. Guarded by this, as the next two. */
    private long last = -1;

    /** What came before the history was printed. */
    private final List<Object> waiting = new ArrayList<>();

    private boolean opened;

    private LogRelay(Level least, Set<String> told) {
        this.least = least;
        this.told = told;
    }

    /**
     * Attaches to the log reader, if there is one, and prints what was logged before.
     *
     * @param told locations of bundles whose failing start has been named otherwise
     */
    static void attach(BundleContext context, Set<String> told)
            throws ReflectiveOperationException {
        ServiceReference<?> reference = Platform.find(context, READER);
        if (reference == null) {
            return;
        }
        Object reader = context.getService(reference);
        Bundle bundle = reference.getBundle();
        Class<?> listenerType = bundle.loadClass(LISTENER);
        Level least = Level.valueOf(System.getProperty("faultline.log", "WARN"));
        LogRelay relay = new LogRelay(least, told);
        Object listener =
                Proxy.newProxyInstance(
                        listenerType.getClassLoader(), new Class<?>[] {listenerType}, relay);
        Class<?> type = bundle.loadClass(READER);
        type.getMethod("addLogListener", listenerType).invoke(reader, listener);
        List<?> before = Collections.list((Enumeration<?>) type.getMethod("getLog").invoke(reader));
        relay.open(before.reversed()); // The latest comes first.
    }

    /** Prints what was logged before, and then what came since. */
    private synchronized void open(List<?> before) throws ReflectiveOperationException {
        for (Object entry : before) {
            print(entry);
        }
        for (Object entry : waiting) {
            print(entry);
        }
        waiting.clear();
        opened = true;
    }

    private synchronized void logged(Object entry) throws ReflectiveOperationException {
        if (opened) {
            print(entry);
        } else {
            waiting.add(entry);
        }
    }

    @Override
    public @Nullable Object invoke(
            Object proxy, Method method, @Nullable Object @Nullable [] arguments)
            throws ReflectiveOperationException {
        Object first = arguments == null ? null : arguments[0]; // null: the method has none
        return switch (method.getName()) {
            case "logged" -> {
                if (first != null) {
                    logged(first);
                }
                yield null;
            }
            case "equals" -> proxy == first;
            case "hashCode" -> System.identityHashCode(proxy);
            case "toString" -> "LogRelay";
            default -> throw new IllegalStateException("unexpected call: " + method);
        };
    }

    private void print(Object entry) throws ReflectiveOperationException {
        long sequence = (long) sure(entry, "getSequence");
        if (sequence <= last) {
            return; // Came both ways.
        }
        last = sequence;
        Level level = Level.valueOf(sure(entry, "getLogLevel").toString());
        if (level.compareTo(least) > 0) {
            return;
        }
        String message = (String) call(entry, "getMessage");
        if (message != null
                && message.startsWith(DOES_NOT_START)
                && told.contains(message.substring(DOES_NOT_START.length()))) {
            return;
        }
        Bundle from = (Bundle) call(entry, "getBundle");
        Throwable cause = (Throwable) call(entry, "getException");
        System.err.println(
                "faultline: "
                        + level
                        + " "
                        + (from == null ? "" : from.getSymbolicName() + ": ")
                        + message);
        if (cause != null) {
            System.err.println("faultline:   caused by " + cause);
        }
    }

    /** Of a getter that never gives null. */
    private static Object sure(Object entry, String getter) throws ReflectiveOperationException {
        return Objects.requireNonNull(call(entry, getter), getter);
    }

    private static @Nullable Object call(Object entry, String getter)
            throws ReflectiveOperationException {
        Class<?> type =
                entry.getClass().getClassLoader().loadClass("org.osgi.service.log.LogEntry");
        return type.getMethod(getter).invoke(entry);
    }
}
