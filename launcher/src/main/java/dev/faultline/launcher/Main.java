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
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
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

    /** How long the framework may take to stop; after a signal it is only asked. */
    private static final long STOP_MILLIS = 10_000;

    private static final long HURRY_MILLIS = 300;
    private static final long WAIT_MILLIS = Long.getLong("faultline.wait", 30_000);

    private Main() {}

    /**
     * Ends the process with the command's exit code, with 4 if the platform does not start, or with
     * 128 + n after signal n.
     */
    public static void main(String[] args) {
        AtomicReference<@Nullable Platform> started = new AtomicReference<>();
        Ending ending =
                Ending.install(code -> {
                    Platform platform = started.get();
                    if (platform != null) {
                        platform.removeScratch();
                    }
                    Runtime.getRuntime().halt(code);
                });
        int code;
        try {
            code = run(args, ending, started);
        } catch (IOException | BundleException | ReflectiveOperationException e) {
            code = failed(ending, args, "cannot start: " + e.getMessage(), null);
        } catch (InterruptedException e) {
            code = failed(ending, args, "interrupted", null);
        } catch (RuntimeException | Error e) {
            // A bug of ours. The framework's threads would keep the process alive for ever.
            code = failed(ending, args, "internal error, please report it: " + e, e);
        }
        if (!ending.asked()) {
            System.out.flush(); // else the guest may be blocked in a write that nobody reads
        }
        System.err.flush();
        System.exit(code);
    }

    /**
     * @param bug its stack is printed; null if the line says all
     * @return the exit code
     */
    private static int failed(Ending ending, String[] args, String what, @Nullable Throwable bug) {
        if (ending.asked()) {
            return stopped(ending, args); // what failed was stopped in the middle
        }
        System.err.println("faultline: " + what);
        if (bug != null) {
            bug.printStackTrace();
        }
        ErrorFile.write(args, EXIT_ERROR, what);
        return EXIT_ERROR;
    }

    /**
     * A signal came where no command says so.
     *
     * @return the exit code
     */
    static int stopped(Ending ending, String[] args) {
        int code = ending.said();
        ErrorFile.write(args, code, ending.words());
        return code;
    }

    private static int run(
            String[] args, Ending ending, AtomicReference<@Nullable Platform> started)
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
        ShellTerminal terminal = shell ? ShellTerminal.note() : null;
        int level = shell ? Platform.LEVEL_SHELL : Platform.LEVEL_PLATFORM;
        Platform platform = Platform.start(Path.of(home).toAbsolutePath(), level, Map.of());
        started.set(platform);
        // However the process ends: the scratch folder must go.
        Runtime.getRuntime()
                .addShutdownHook(
                        new Thread(
                                () -> platform.close(ending.asked() ? HURRY_MILLIS : STOP_MILLIS),
                                "faultline-close"));
        if (ending.asked()) {
            return stopped(ending, args);
        }
        LogRelay.attach(platform.framework().getBundleContext(), platform.told());
        platform.problems().forEach(problem -> System.err.println("faultline: " + problem));
        if (terminal != null) {
            return shell(platform, terminal, ending, args);
        }
        Thread self = Thread.currentThread();
        ending.working(signal -> self.interrupt());
        ServiceReference<?> reference = platform.await(COMMAND_LINE, WAIT_MILLIS);
        if (reference == null) {
            String what = "no command line after " + WAIT_MILLIS + " ms, because:";
            List<String> reasons = Diagnosis.of(platform.framework().getBundleContext());
            int code = failed(ending, args, what, null);
            reasons.forEach(reason -> System.err.println("  " + reason));
            return code;
        }
        reportTiming();
        return call(platform, reference, args, ending);
    }

    /** The interactive shell, until a person leaves it, its terminal goes or a signal comes. */
    private static int shell(
            Platform platform, ShellTerminal terminal, Ending ending, String[] args)
            throws InterruptedException {
        ending.working(signal -> stop(platform, terminal));
        ShellThread thread = ShellThread.watch(platform.framework(), terminal::isGone);
        platform.framework().waitForStop(0);
        if (thread.broken()) {
            return failed(ending, args, "the shell ended: its terminal is gone", null);
        }
        if (!ending.asked()) {
            return 0;
        }
        terminal.restore();
        return ending.said();
    }

    /** Called again when it takes long, before the process is killed. */
    private static void stop(Platform platform, ShellTerminal terminal) {
        if (platform.framework().getState() == Bundle.STOPPING) {
            terminal.restore();
            return;
        }
        Platform.stop(platform.framework());
    }

    private static int call(
            Platform platform, ServiceReference<?> reference, String[] args, Ending ending)
            throws ReflectiveOperationException, InterruptedException {
        Object service = platform.framework().getBundleContext().getService(reference);
        if (service == null) {
            throw new IllegalStateException(
                    "the command line of " + reference.getBundle() + " went away");
        }
        Class<?> type = reference.getBundle().loadClass(COMMAND_LINE);
        Method run =
                type.getMethod(
                        "run",
                        String[].class,
                        InputStream.class,
                        OutputStream.class,
                        OutputStream.class);
        Method stop = type.getMethod("stop", int.class);
        Thread.interrupted(); // the command is told by its own way
        ending.working(signal -> tell(service, stop, signal));
        try {
            return (int) run.invoke(service, args, System.in, System.out, System.err);
        } catch (InvocationTargetException e) {
            return rethrow(e.getCause());
        }
    }

    private static void tell(Object service, Method stop, int signal) {
        try {
            stop.invoke(service, signal);
        } catch (ReflectiveOperationException e) {
            System.err.println("faultline: the command could not be told to end: " + e.getCause());
        }
    }

    private static int rethrow(@Nullable Throwable cause) throws InterruptedException {
        switch (cause) {
            case InterruptedException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case null, default ->
                    throw new IllegalStateException("the command failed: " + cause, cause);
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
