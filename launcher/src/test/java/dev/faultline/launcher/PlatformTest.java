// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.testkit.HangGuard;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.SynchronousBundleListener;
import org.osgi.framework.startlevel.BundleStartLevel;

/** Installations made of empty bundles. */
class PlatformTest {
    @TempDir Path home;

    @BeforeEach
    void makeFolders() throws IOException {
        Files.createDirectories(home.resolve("bundles/3-ours"));
        Files.createDirectories(home.resolve("bundles/9-shell"));
    }

    @Test
    void aFolderThatIsNoInstallationIsNamed() {
        Path nowhere = home.resolve("nowhere");

        assertThatThrownBy(() -> Platform.start(nowhere, Platform.LEVEL_PLATFORM, Map.of()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(nowhere.toString());
    }

    @Test
    void aFolderWithoutALevelIsRefused() throws IOException {
        Files.createDirectories(home.resolve("bundles/ours"));

        assertThatThrownBy(() -> Platform.start(home, Platform.LEVEL_PLATFORM, Map.of()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("LEVEL-name");
    }

    @Test
    void bundlesAboveTheLevelAreInstalledButNotStarted() throws Exception {
        bundle("3-ours/a.jar", "a", Map.of());
        bundle("9-shell/b.jar", "b", Map.of());

        try (Platform platform = Platform.start(home, Platform.LEVEL_PLATFORM, Map.of())) {
            assertThat(stateOf(platform, "a")).isEqualTo(Bundle.ACTIVE);
            assertThat(stateOf(platform, "b")).isNotEqualTo(Bundle.ACTIVE);
        }
    }

    @Test
    void theShellLevelStartsThemAll() throws Exception {
        bundle("9-shell/b.jar", "b", Map.of());

        try (Platform platform = Platform.start(home, Platform.LEVEL_SHELL, Map.of())) {
            assertThat(stateOf(platform, "b")).isEqualTo(Bundle.ACTIVE);
        }
    }

    @Test
    void aBundleThatLacksSomethingIsAProblemButOthersStart() throws Exception {
        bundle("3-ours/a.jar", "a", Map.of("Import-Package", "no.such.thing"));
        bundle("3-ours/b.jar", "b", Map.of());

        try (Platform platform = Platform.start(home, Platform.LEVEL_PLATFORM, Map.of())) {
            assertThat(platform.problems()).singleElement().asString().contains("no.such.thing");
            assertThat(stateOf(platform, "b")).isEqualTo(Bundle.ACTIVE);
            assertThat(Diagnosis.of(platform.framework().getBundleContext()))
                    .contains("bundle a does not resolve: nobody offers package no.such.thing");
        }
    }

    /** Holds up the thread on which the framework tells of events. */
    public static final class SlowListener implements BundleActivator {
        @Override
        public void start(BundleContext context) {
            // clock: only makes late what is told anyway, and nothing is judged by it
            context.addBundleListener(event -> LockSupport.parkNanos(1_000_000_000));
        }

        @Override
        public void stop(BundleContext context) {}
    }

    @Test
    void aProblemThatIsToldLateIsNotMissed() throws Exception {
        Files.createDirectories(home.resolve("bundles/1-slow"));
        bundle(
                "1-slow/slow.jar",
                "slow",
                Map.of(
                        "Bundle-Activator",
                        SlowListener.class.getName(),
                        "Import-Package",
                        "org.osgi.framework"));
        bundle("3-ours/a.jar", "a", Map.of("Import-Package", "no.such.thing"));
        Map<String, String> ourClasses =
                Map.of(
                        Constants.FRAMEWORK_BOOTDELEGATION,
                        getClass().getPackageName(),
                        Constants.FRAMEWORK_BUNDLE_PARENT,
                        Constants.FRAMEWORK_BUNDLE_PARENT_APP);

        try (Platform platform = Platform.start(home, Platform.LEVEL_PLATFORM, ourClasses)) {
            assertThat(stateOf(platform, "slow")).isEqualTo(Bundle.ACTIVE);
            assertThat(platform.problems()).singleElement().asString().contains("no.such.thing");
        }
    }

    @Test
    void aBundleForAnotherHostIsNoProblem() throws Exception {
        String filter = "osgi.native;filter:=\"(osgi.native.osname~=no-such-system)\"";
        bundle("3-ours/a.jar", "a", Map.of("Require-Capability", filter));

        try (Platform platform = Platform.start(home, Platform.LEVEL_PLATFORM, Map.of())) {
            assertThat(platform.problems()).isEmpty();
            assertThat(stateOf(platform, "a")).isEqualTo(Bundle.INSTALLED);
        }
    }

    /**
     * As FileInstall does on a busy host: a bundle is active already, but the component runtime,
     * which listens to what is told on that thread, has not heard of it.
     */
    @Test
    void whatAnotherThreadIsStartingIsWaitedFor() throws Exception {
        bundle("9-shell/stranger.jar", "stranger", Map.of());
        CountDownLatch active = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicBoolean told = new AtomicBoolean();
        AtomicBoolean inTime = new AtomicBoolean();
        try (Platform platform = Platform.start(home, Platform.LEVEL_PLATFORM, Map.of())) {
            BundleContext context = platform.framework().getBundleContext();
            StartedBundles started = new StartedBundles();
            context.addBundleListener(started);
            SynchronousBundleListener runtime =
                    event -> {
                        if (event.getType() == BundleEvent.STARTED) {
                            active.countDown();
                            told.set(reached(goOn));
                        }
                    };
            context.addBundleListener(runtime);
            Bundle stranger = bundle(platform, "stranger");
            stranger.adapt(BundleStartLevel.class).setStartLevel(Platform.LEVEL_PLATFORM);
            Thread starting = new Thread(() -> start(stranger));
            starting.start();
            HangGuard.await(active, "the bundle is active");
            Deployed deployed =
                    new Deployed(platform.framework(), others(context, stranger), started);
            Thread taking =
                    new Thread(() -> {
                        deployed.takeIn();
                        inTime.set(told.get());
                    });
            taking.start();
            HangGuard.until(
                    "it waits",
                    () -> taking.getState() == Thread.State.TIMED_WAITING || !taking.isAlive());
            goOn.countDown();
            taking.join();
            starting.join();
            assertThat(inTime).isTrue();
        }
    }

    private static void start(Bundle bundle) {
        try {
            bundle.start();
        } catch (BundleException e) {
            throw new AssertionError(e);
        }
    }

    private static boolean reached(CountDownLatch latch) {
        try {
            HangGuard.await(latch, "the test goes on");
            return true;
        } catch (InterruptedException e) {
            return false;
        }
    }

    private static Set<Long> others(BundleContext context, Bundle but) {
        return Arrays.stream(context.getBundles())
                .filter(b -> b != but)
                .map(Bundle::getBundleId)
                .collect(Collectors.toSet());
    }

    @Test
    void anAbsentServiceIsNotAwaitedForEver() throws Exception {
        try (Platform platform = Platform.start(home, Platform.LEVEL_PLATFORM, Map.of())) {
            assertThat(platform.await("no.such.Service", 10)).isNull();
        }
    }

    @Test
    void closingRemovesTheScratchFolder() throws Exception {
        Platform platform = Platform.start(home, Platform.LEVEL_PLATFORM, Map.of());
        Path data = Path.of(platform.framework().getBundleContext().getProperty("faultline.data"));
        assertThat(data).isDirectory();

        platform.close();

        assertThat(data).doesNotExist();
    }

    private static int stateOf(Platform platform, String name) {
        return bundle(platform, name).getState();
    }

    private static Bundle bundle(Platform platform, String name) {
        for (Bundle bundle : platform.framework().getBundleContext().getBundles()) {
            if (bundle.getSymbolicName().equals(name)) {
                return bundle;
            }
        }
        throw new AssertionError("no bundle " + name);
    }

    private void bundle(String path, String name, Map<String, String> headers) throws IOException {
        Manifest manifest = new Manifest();
        Attributes attributes = manifest.getMainAttributes();
        attributes.put(Attributes.Name.MANIFEST_VERSION, "1.0");
        attributes.putValue("Bundle-ManifestVersion", "2");
        attributes.putValue("Bundle-SymbolicName", name);
        headers.forEach(attributes::putValue);
        try (OutputStream out = Files.newOutputStream(home.resolve("bundles").resolve(path))) {
            new JarOutputStream(out, manifest).close();
        }
    }
}
