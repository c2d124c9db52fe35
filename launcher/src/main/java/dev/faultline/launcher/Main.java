// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.osgi.framework.BundleException;
import org.osgi.framework.ServiceReference;

/**
 * Runs one command on the installed platform: {@code java -Dfaultline.home=DIR ... Main COMMAND
 * ...}.
 *
 * <p>The command line itself is a service; this class only starts the framework, hands over
 * arguments and standard streams, and ends the process with the command's exit code. System
 * properties: {@code faultline.home} (required), {@code faultline.wait} (milliseconds to wait for
 * the service), {@code faultline.timing} (print the start-up time).
 */
public final class Main {
    /** The service that runs commands. Called by reflection: its package lives in the framework. */
    static final String COMMAND_LINE = "dev.faultline.api.cli.CommandLine";

    private static final int EXIT_ERROR = 4;
    private static final long WAIT_MILLIS = Long.getLong("faultline.wait", 30_000);

    private Main() {}

    /** Ends the process with the command's exit code, or with 4 if the platform does not start. */
    public static void main(String[] args) {
        int code;
        try {
            code = run(args);
        } catch (IOException | BundleException | ReflectiveOperationException e) {
            System.err.println("faultline: cannot start: " + e.getMessage());
            code = EXIT_ERROR;
        } catch (InterruptedException e) {
            System.err.println("faultline: interrupted");
            code = EXIT_ERROR;
        } catch (RuntimeException | Error e) {
            // A bug of ours. The framework's threads would keep the process alive for ever.
            System.err.println("faultline: internal error, please report it:");
            e.printStackTrace();
            code = EXIT_ERROR;
        }
        System.out.flush();
        System.err.flush();
        System.exit(code);
    }

    private static int run(String[] args)
            throws IOException,
                    BundleException,
                    ReflectiveOperationException,
                    InterruptedException {
        String home = System.getProperty("faultline.home");
        if (home == null) {
            throw new IOException("the system property faultline.home is not set");
        }
        // Without a terminal the shell's library falls back to a dumb one in any case; this only
        // silences its warning.
        System.setProperty("org.jline.terminal.dumb", "true");
        boolean shell = args.length == 1 && args[0].equals("shell");
        if (shell) {
            // The shell's library looks for its terminals in the context class loader, which the
            // framework's threads
            // inherit; only without one does it look into its own bundle. Else there is no line
            // editing.
            Thread.currentThread().setContextClassLoader(null);
        }
        int level = shell ? Platform.LEVEL_SHELL : Platform.LEVEL_PLATFORM;
        Platform platform = Platform.start(Path.of(home).toAbsolutePath(), level, Map.of());
        // Also on the way out of a signal: the scratch folder must go.
        Thread closer = new Thread(platform::close, "faultline-close");
        Runtime.getRuntime().addShutdownHook(closer);
        LogRelay.attach(platform.framework().getBundleContext(), platform.told());
        platform.problems().forEach(problem -> System.err.println("faultline: " + problem));
        if (shell) {
            platform.framework().waitForStop(0);
            return 0;
        }
        ServiceReference<?> reference = platform.await(COMMAND_LINE, WAIT_MILLIS);
        if (reference == null) {
            System.err.println("faultline: no command line after " + WAIT_MILLIS + " ms, because:");
            List<String> reasons = Diagnosis.of(platform.framework().getBundleContext());
            reasons.forEach(reason -> System.err.println("  " + reason));
            return EXIT_ERROR;
        }
        reportTiming();
        return call(platform, reference, args);
    }

    private static int call(Platform platform, ServiceReference<?> reference, String[] args)
            throws ReflectiveOperationException, InterruptedException {
        Object service = platform.framework().getBundleContext().getService(reference);
        if (service == null) {
            throw new IllegalStateException(
                    "the command line of " + reference.getBundle() + " went away");
        }
        Method run =
                reference
                        .getBundle()
                        .loadClass(COMMAND_LINE)
                        .getMethod(
                                "run",
                                String[].class,
                                InputStream.class,
                                OutputStream.class,
                                OutputStream.class);
        try {
            return (int) run.invoke(service, args, System.in, System.out, System.err);
        } catch (InvocationTargetException e) {
            return rethrow(e.getCause());
        }
    }

    private static int rethrow(Throwable cause) throws InterruptedException {
        switch (cause) {
            case InterruptedException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new IllegalStateException("the command failed: " + cause, cause);
        }
    }

    private static void reportTiming() {
        if (Boolean.getBoolean("faultline.timing")) {
            long now = System.currentTimeMillis();
            long start = ManagementFactory.getRuntimeMXBean().getStartTime();
            System.err.println("faultline: ready after " + (now - start) + " ms");
        }
    }
}
