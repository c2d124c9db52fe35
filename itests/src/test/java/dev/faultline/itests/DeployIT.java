// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.launcher.Platform;
import dev.faultline.testkit.HangGuard;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Hashtable;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.ServiceRegistration;
import org.osgi.framework.startlevel.FrameworkStartLevel;

/** A stranger's bundle in the folder {@code deploy}. */
class DeployIT {
    private static final String NAME = "org.example.stranger";

    @TempDir Path deploy;

    @TempDir Path outside;

    @Test
    void aBundleThatIsThereRunsWhenThePlatformIsUp() throws Exception {
        bundle(deploy.resolve("stranger.jar"));

        try (Platform platform = boot()) {
            CountDownLatch started = started(platform);

            HangGuard.await(started, "the bundle is active");
        }
    }

    /** Looked at once: what lies there is taken in when the start returns. */
    @Test
    void whatLiesThereIsRegisteredWhenThePlatformIsUp() throws Exception {
        Path device = Path.of(System.getProperty("faultline.examples"), "org.example.checksum.jar");

        try (DeployFolder folder = new DeployFolder(outside, device)) {
            MachineFactory factory = folder.service(MachineFactory.class);

            assertThat(factory.devices()).containsExactly("checksum");
            assertThat(folder.problems()).isEmpty();
        }
    }

    /**
     * As a bundle in the folder does it: what it offers with a higher ranking serves new machines.
     */
    @Test
    void aHigherRankedPartServesNewMachinesAndTheNextOneTakesOver() throws Exception {
        try (DeployFolder folder = new DeployFolder(outside)) {
            MachineFactory factory = folder.service(MachineFactory.class);
            AtomicInteger translations = new AtomicInteger();
            AtomicInteger reservations = new AtomicInteger();
            MmuFactory mmu = folder.service(MmuFactory.class);
            HostMemory host = folder.service(HostMemory.class);
            Hashtable<String, Object> high =
                    new Hashtable<>(Map.of(Constants.SERVICE_RANKING, 100));
            MachineConfig config = new MachineConfig("m", 8 << 20, 1, null, null, List.of());
            try (Machine running = factory.create(config)) {
                running.start();
                ServiceRegistration<?> translation =
                        folder.context()
                                .registerService(
                                        MmuFactory.class,
                                        (memory, rights) -> {
                                            translations.incrementAndGet();
                                            return mmu.create(memory, rights);
                                        },
                                        high);
                ServiceRegistration<?> platform =
                        folder.context()
                                .registerService(
                                        HostMemory.class, new Counting(host, reservations), high);
                factory.create(config).close();
                assertThat(translations).hasValue(1);
                assertThat(reservations).hasValue(1);
                assertThat(running.running()).isTrue();
                assertThat(folder.service(MachineFactory.class)).isSameAs(factory);

                translation.unregister();
                platform.unregister();
                factory.create(config).close();
                assertThat(translations).hasValue(1);
                assertThat(reservations).hasValue(1);
                assertThat(running.running()).isTrue();
            }
        }
    }

    private record Counting(HostMemory real, AtomicInteger reservations) implements HostMemory {
        @Override
        public int pageSize() {
            return real.pageSize();
        }

        @Override
        public HostRegion reserve(long bytes) {
            reservations.incrementAndGet();
            return real.reserve(bytes);
        }
    }

    @Test
    void whatCannotBeTakenInIsNamedWithWhatIsMissing() throws Exception {
        bundle(deploy.resolve("stranger.jar"));
        bundle(
                deploy.resolve("later.jar"),
                "org.example.later",
                Map.of("Import-Package", "dev.faultline.api.fault;version=\"[77,78)\""));
        bundle(
                deploy.resolve("service.jar"),
                "org.example.service",
                Map.of("Require-Capability", "org.example.thing;filter:=\"(thing=1)\""));
        bundle(
                deploy.resolve("broken.jar"),
                "org.example.broken",
                Map.of("Bundle-Activator", "org.example.Broken"));
        Files.writeString(deploy.resolve("junk.jar"), "junk");

        try (Platform platform = boot()) {
            String folder = deploy.getFileName().toString();
            assertThat(platform.problems())
                    .satisfiesExactlyInAnyOrder(
                            later ->
                                    assertThat(later)
                                            .startsWith(
                                                    folder
                                                            + "/later.jar: bundle org.example.later does not"
                                                            + " resolve: nobody offers package"
                                                            + " dev.faultline.api.fault 77.0.0 or newer"
                                                            + " below 78.0.0 (there is "),
                            service ->
                                    assertThat(service)
                                            .isEqualTo(
                                                    folder
                                                            + "/service.jar: bundle org.example.service does"
                                                            + " not resolve: nobody offers"
                                                            + " org.example.thing with (thing=1)"),
                            broken ->
                                    assertThat(broken)
                                            .startsWith(
                                                    folder
                                                            + "/broken.jar: bundle org.example.broken does"
                                                            + " not start: ")
                                            .contains("org.example.Broken"),
                            junk ->
                                    assertThat(junk)
                                            .startsWith(
                                                    folder
                                                            + "/junk.jar was not installed: it cannot be read"
                                                            + " as a jar"));
            assertThat(started(platform).getCount()).isZero();
        }
    }

    /**
     * On a slow host the framework's start level reaches the bundle beside FileInstall, and the
     * framework tells of its failure too, some time later. Here it is made to.
     */
    @Test
    void whatTheFrameworkCouldNotStartEitherIsNamedOnce() throws Exception {
        bundle(
                deploy.resolve("broken.jar"),
                "org.example.broken",
                Map.of("Bundle-Activator", "org.example.Broken"));

        try (Platform platform = boot()) {
            CountDownLatch failed = new CountDownLatch(1);
            platform.framework()
                    .getBundleContext()
                    .addFrameworkListener(event -> {
                        if (event.getType() == FrameworkEvent.ERROR) {
                            failed.countDown();
                        }
                    });
            goTo(platform, 1);
            goTo(platform, Platform.LEVEL_PLATFORM);
            HangGuard.await(failed, "the framework tells of the bundle");

            assertThat(platform.problems())
                    .singleElement()
                    .asString()
                    .contains("/broken.jar: bundle org.example.broken does not start: ");
        }
    }

    private static void goTo(Platform platform, int level) throws Exception {
        CountDownLatch reached = new CountDownLatch(1);
        platform.framework()
                .adapt(FrameworkStartLevel.class)
                .setStartLevel(level, event -> reached.countDown());
        HangGuard.await(reached, "start level " + level);
    }

    @Test
    void aBundleThatIsPutThereLaterRunsToo() throws Exception {
        Path jar = outside.resolve("stranger.jar");
        bundle(jar);

        try (Platform platform = boot()) {
            CountDownLatch started = started(platform);
            Files.move(jar, deploy.resolve("stranger.jar"), StandardCopyOption.ATOMIC_MOVE);

            HangGuard.await(started, "the bundle is active");
        }
    }

    private Platform boot() throws Exception {
        return Distribution.bootTyped(Map.of("felix.fileinstall.dir", deploy.toString()));
    }

    /** Open when the stranger's bundle is active, be it already. */
    private static CountDownLatch started(Platform platform) {
        CountDownLatch latch = new CountDownLatch(1);
        BundleContext context = platform.framework().getBundleContext();
        context.addBundleListener(event -> {
            if (event.getType() == BundleEvent.STARTED
                    && NAME.equals(event.getBundle().getSymbolicName())) {
                latch.countDown();
            }
        });
        for (Bundle bundle : context.getBundles()) {
            if (NAME.equals(bundle.getSymbolicName()) && bundle.getState() == Bundle.ACTIVE) {
                latch.countDown();
            }
        }
        return latch;
    }

    private static void bundle(Path file) throws IOException {
        bundle(file, NAME, Map.of());
    }

    private static void bundle(Path file, String name, Map<String, String> headers)
            throws IOException {
        Manifest manifest = new Manifest();
        Attributes attributes = manifest.getMainAttributes();
        attributes.put(Attributes.Name.MANIFEST_VERSION, "1.0");
        attributes.putValue("Bundle-ManifestVersion", "2");
        attributes.putValue("Bundle-SymbolicName", name);
        headers.forEach(attributes::putValue);
        try (OutputStream out = Files.newOutputStream(file)) {
            new JarOutputStream(out, manifest).close();
        }
    }
}
