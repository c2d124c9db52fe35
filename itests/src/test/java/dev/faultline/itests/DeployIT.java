// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.launcher.Platform;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleEvent;

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

            assertThat(started.await(60, TimeUnit.SECONDS)).isTrue();
        }
    }

    @Test
    void aBundleThatIsPutThereLaterRunsToo() throws Exception {
        Path jar = outside.resolve("stranger.jar");
        bundle(jar);

        try (Platform platform = boot()) {
            CountDownLatch started = started(platform);
            Files.move(jar, deploy.resolve("stranger.jar"), StandardCopyOption.ATOMIC_MOVE);

            assertThat(started.await(60, TimeUnit.SECONDS)).isTrue();
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
                    && event.getBundle().getSymbolicName().equals(NAME)) {
                latch.countDown();
            }
        });
        for (Bundle bundle : context.getBundles()) {
            if (bundle.getSymbolicName().equals(NAME) && bundle.getState() == Bundle.ACTIVE) {
                latch.countDown();
            }
        }
        return latch;
    }

    private static void bundle(Path file) throws IOException {
        Manifest manifest = new Manifest();
        Attributes attributes = manifest.getMainAttributes();
        attributes.put(Attributes.Name.MANIFEST_VERSION, "1.0");
        attributes.putValue("Bundle-ManifestVersion", "2");
        attributes.putValue("Bundle-SymbolicName", NAME);
        try (OutputStream out = Files.newOutputStream(file)) {
            new JarOutputStream(out, manifest).close();
        }
    }
}
