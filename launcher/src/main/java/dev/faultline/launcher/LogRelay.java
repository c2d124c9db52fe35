// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
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

    private LogRelay(Level least) {
        this.least = least;
    }

    /** Attaches to the log reader, if there is one. */
    static void attach(BundleContext context) throws ReflectiveOperationException {
        ServiceReference<?> reference = Platform.find(context, READER);
        if (reference == null) {
            return;
        }
        Object reader = context.getService(reference);
        Bundle bundle = reference.getBundle();
        Class<?> listenerType = bundle.loadClass(LISTENER);
        Level least = Level.valueOf(System.getProperty("faultline.log", "WARN"));
        Object listener =
                Proxy.newProxyInstance(
                        listenerType.getClassLoader(),
                        new Class<?>[] {listenerType},
                        new LogRelay(least));
        bundle.loadClass(READER).getMethod("addLogListener", listenerType).invoke(reader, listener);
    }

    @Override
    public Object invoke(Object proxy, Method method, Object[] arguments)
            throws ReflectiveOperationException {
        return switch (method.getName()) {
            case "logged" -> {
                print(arguments[0]);
                yield null;
            }
            case "equals" -> proxy == arguments[0];
            case "hashCode" -> System.identityHashCode(proxy);
            case "toString" -> "LogRelay";
            default -> throw new IllegalStateException("unexpected call: " + method);
        };
    }

    private void print(Object entry) throws ReflectiveOperationException {
        Level level = Level.valueOf(call(entry, "getLogLevel").toString());
        if (level.compareTo(least) > 0) {
            return;
        }
        Bundle from = (Bundle) call(entry, "getBundle");
        Throwable cause = (Throwable) call(entry, "getException");
        System.err.println(
                "faultline: "
                        + level
                        + " "
                        + (from == null ? "" : from.getSymbolicName() + ": ")
                        + call(entry, "getMessage"));
        if (cause != null) {
            System.err.println("faultline:   caused by " + cause);
        }
    }

    private static Object call(Object entry, String getter) throws ReflectiveOperationException {
        Class<?> type =
                entry.getClass().getClassLoader().loadClass("org.osgi.service.log.LogEntry");
        return type.getMethod(getter).invoke(entry);
    }
}
