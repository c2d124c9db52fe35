// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.felix.framework.FrameworkFactory;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceListener;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.startlevel.BundleStartLevel;
import org.osgi.framework.wiring.FrameworkWiring;

/**
 * The framework with the bundles of one installation in it.
 *
 * <p>The folders below {@code bundles/} are named {@code LEVEL-name}: the number is the start level
 * of the bundles inside. Bundles are installed by reference, so nothing is copied, and resolved in
 * one pass.
 *
 * <p>Threading: one thread starts and closes it; the framework may be used by any.
 */
public final class Platform implements AutoCloseable {
    /** Start level at which the platform is complete: everything but the interactive shell. */
    public static final int LEVEL_PLATFORM = 5;

    /** Start level at which the interactive shell runs too. */
    public static final int LEVEL_SHELL = 9;

    private static final long STOP_MILLIS = 10_000;

    /** Longest wait for what the framework has to tell of its start. */
    static final long TOLD_MILLIS = 60_000;

    private final Framework framework;
    private final Path data;
    private final List<Problem> problems = new CopyOnWriteArrayList<>();
    private final Set<Long> ours = new HashSet<>();
    private final StartedBundles started = new StartedBundles();
    private volatile Set<String> told = Set.of();

    /** The framework has told of all that happened until it was started. */
    private final CountDownLatch begun = new CountDownLatch(1);

    /**
     * A line, and the location of the bundle if the framework said it; null if we did.
     *
     * <p>The framework tells of a bundle that does not start only if it was its start level that
     * should have started it, and some time later: {@link Deployed} finds the same without it.
     */
    private record Problem(String line, @Nullable String location) {}

    private Platform(Framework framework, Path data) {
        this.framework = framework;
        this.data = data;
    }

    /**
     * Starts the installation and returns when the start level is reached and what lay in the
     * folders {@code etc} and {@code deploy} has been taken in: bundles there are resolved, started
     * and their components active, or named in {@link #problems()}.
     *
     * @param home the unpacked distribution
     * @param level {@link #LEVEL_PLATFORM} or {@link #LEVEL_SHELL}
     * @param properties framework properties that replace those of this class
     * @throws IOException if home is no installation or the scratch folder cannot be made
     * @throws BundleException if the framework itself does not start; what is wrong with single
     *     bundles is in {@link #problems()}
     */
    public static Platform start(Path home, int level, Map<String, String> properties)
            throws IOException, BundleException {
        Path bundles = home.resolve("bundles");
        if (!Files.isDirectory(bundles)) {
            throw new IOException("no Faultline installation: " + bundles + " is not a directory");
        }
        Path data = Files.createTempDirectory("faultline-");
        Map<String, Object> configuration = new HashMap<>(configuration(home, data, level));
        configuration.putAll(properties);
        configuration.put("felix.log.logger", new FrameworkLog());
        Platform platform = new Platform(new FrameworkFactory().newFramework(configuration), data);
        try {
            platform.framework.init();
            platform.framework.getBundleContext().addBundleListener(platform.started);
            platform.installAll(bundles, level);
            platform.framework.start();
            platform.awaitBegun();
            platform.takeIn();
        } catch (IOException | BundleException | RuntimeException e) {
            platform.close();
            throw e;
        }
        return platform;
    }

    /** The framework, started. */
    public Framework framework() {
        return framework;
    }

    /** What went wrong with single bundles while starting, one line each; empty if nothing did. */
    public List<String> problems() {
        return problems.stream()
                .filter(problem -> problem.location == null || !told.contains(problem.location))
                .map(Problem::line)
                .toList();
    }

    /** Locations of bundles that {@link #problems()} names and FileInstall will complain of too. */
    Set<String> told() {
        return told;
    }

    /**
     * Events come one after the other on a thread of the framework's: that it is started is told
     * after the bundles that did not start with it.
     */
    private void awaitBegun() {
        try {
            if (!begun.await(TOLD_MILLIS, TimeUnit.MILLISECONDS)) {
                problems.add(
                        new Problem("the framework has not told yet that it is started", null));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void takeIn() {
        Deployed deployed = new Deployed(framework, ours, started);
        for (String line : deployed.takeIn()) {
            problems.add(new Problem(line, null));
        }
        told = deployed.told();
    }

    /**
     * Waits for a service.
     *
     * @return its reference, or null if it did not come in time
     */
    public @Nullable ServiceReference<?> await(String service, long millis)
            throws InterruptedException {
        BundleContext context = framework.getBundleContext();
        CountDownLatch arrived = new CountDownLatch(1);
        ServiceListener listener = event -> arrived.countDown();
        try {
            context.addServiceListener(listener, "(" + Constants.OBJECTCLASS + "=" + service + ")");
            ServiceReference<?> reference = find(context, service);
            if (reference == null && arrived.await(millis, TimeUnit.MILLISECONDS)) {
                reference = find(context, service);
            }
            return reference;
        } catch (InvalidSyntaxException e) {
            throw new IllegalArgumentException("not a service name: " + service, e);
        } finally {
            context.removeServiceListener(listener);
        }
    }

    /**
     * A service by the name of its type, whose class the launcher need not share; null if there is
     * none.
     *
     * <p>The plain look-up would hide services whose package the system bundle is not wired to.
     */
    static @Nullable ServiceReference<?> find(BundleContext context, String service) {
        try {
            ServiceReference<?>[] found = context.getAllServiceReferences(service, null);
            return found == null ? null : found[0];
        } catch (InvalidSyntaxException e) {
            throw new IllegalStateException("no filter, yet it is not valid", e);
        }
    }

    /** Asks it to stop, and returns at once. */
    static void stop(Framework framework) {
        try {
            framework.stop();
        } catch (BundleException e) {
            System.err.println("faultline: the framework did not stop: " + e.getMessage());
        }
    }

    /** Stops the framework and removes its scratch folder; may be called twice. */
    @Override
    public void close() {
        close(STOP_MILLIS);
    }

    /** As {@link #close()}, waiting at most this long for the bundles to stop. */
    void close(long millis) {
        try {
            framework.stop();
            framework.waitForStop(millis);
        } catch (BundleException e) {
            System.err.println("faultline: the framework did not stop cleanly: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        removeScratch();
    }

    /** Removes the scratch folder, in use or not: the process is about to end. */
    void removeScratch() {
        deleteTree(data);
    }

    private static Map<String, String> configuration(Path home, Path data, int level) {
        Map<String, String> map = new HashMap<>();
        map.put(Constants.FRAMEWORK_STORAGE, data.resolve("bundles").toString());
        map.put(Constants.FRAMEWORK_BEGINNING_STARTLEVEL, Integer.toString(level));
        // The flight recorder puts references to this package into event classes when it starts to
        // record.
        map.put(Constants.FRAMEWORK_BOOTDELEGATION, "jdk.jfr.internal.event");
        map.put("felix.log.level", "1");
        map.put("faultline.home", home.toString());
        map.put("faultline.data", data.toString());
        map.put(Deployed.FOLDERS, home.resolve("etc") + "," + home.resolve("deploy"));
        map.put("felix.fileinstall.tmpdir", data.resolve("fileinstall").toString());
        // Configuration must be there before the first component of ours asks for it.
        map.put("felix.fileinstall.noInitialDelay", "true");
        map.put("felix.fileinstall.poll", "500");
        map.put("felix.fileinstall.enableConfigSave", "false");
        map.put("felix.fileinstall.log.level", "2"); // Warnings: a bundle that does not start.
        map.put("felix.fileinstall.start.level", "4");
        map.put("gosh.home", home.toString());
        return map;
    }

    private void installAll(Path bundles, int level) throws IOException, BundleException {
        BundleContext context = framework.getBundleContext();
        context.addFrameworkListener(event -> {
            switch (event.getType()) {
                case FrameworkEvent.ERROR ->
                        problems.add(
                                problem(
                                        event.getBundle(),
                                        event.getThrowable(),
                                        event.getBundle().getLocation()));
                case FrameworkEvent.STARTED -> begun.countDown();
                default -> {} // bundles of others
            }
        });
        List<Bundle> toStart = new ArrayList<>();
        for (Path folder : sorted(bundles)) {
            int startLevel = levelOf(folder);
            for (Path jar : sorted(folder)) {
                Bundle bundle = context.installBundle("reference:" + jar.toUri());
                ours.add(bundle.getBundleId());
                bundle.adapt(BundleStartLevel.class).setStartLevel(startLevel);
                if (startLevel <= level
                        && bundle.getHeaders("").get(Constants.FRAGMENT_HOST) == null) {
                    toStart.add(bundle);
                }
            }
        }
        framework.adapt(FrameworkWiring.class).resolveBundles(toStart);
        for (Bundle bundle : toStart) {
            start(bundle);
        }
    }

    /** Marks the bundle as to be started; it starts when its start level is reached. */
    private void start(Bundle bundle) throws BundleException {
        if (bundle.getState() == Bundle.INSTALLED && isForAnotherHost(bundle)) {
            return;
        }
        try {
            bundle.start();
        } catch (BundleException e) {
            problems.add(problem(bundle, e, null));
        }
    }

    private static Problem problem(Bundle bundle, Throwable thrown, @Nullable String location) {
        return new Problem(bundle.getSymbolicName() + ": " + thrown.getMessage(), location);
    }

    /**
     * A platform bundle of another operating system: installed everywhere, resolves only at home.
     */
    static boolean isForAnotherHost(Bundle bundle) {
        String required = bundle.getHeaders("").get(Constants.REQUIRE_CAPABILITY);
        return required != null && required.contains("osgi.native");
    }

    private static int levelOf(Path folder) throws IOException {
        String name = folder.getFileName().toString();
        int dash = name.indexOf('-');
        if (dash != 1 || !Character.isDigit(name.charAt(0))) {
            throw new IOException("expected a folder named LEVEL-name, found " + folder);
        }
        return name.charAt(0) - '0';
    }

    private static List<Path> sorted(Path folder) throws IOException {
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder)) {
            stream.forEach(found::add);
        }
        found.sort(Comparator.naturalOrder());
        return found;
    }

    private static void deleteTree(Path root) {
        if (!Files.exists(root)) {
            return;
        }
        try (Stream<Path> tree = Files.walk(root)) {
            for (Path path : tree.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            System.err.println("faultline: could not remove " + root + ": " + e.getMessage());
        }
    }
}
