// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import dev.faultline.launcher.Platform;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.osgi.framework.BundleException;

/** The unpacked distribution that the tests run. */
final class Distribution {
    /** Where the shipped archive was unpacked. */
    static final Path HOME = Path.of(required("faultline.home"));

    /** Packages that the test and the bundles share. */
    static final String SYSTEM_PACKAGES = "org.osgi.framework.system.packages.extra";

    private static final Path OURS = HOME.resolve("bundles/3-faultline");

    private Distribution() {}

    /** Starts it as shipped: nothing is shared with the test but {@code org.osgi.framework}. */
    static Platform boot() throws IOException, BundleException {
        return Platform.start(HOME, Platform.LEVEL_PLATFORM, Map.of());
    }

    /**
     * Starts it with our API packages taken from the test's class path, so that services can be
     * used by their types.
     *
     * @param properties further framework properties
     */
    static Platform bootTyped(Map<String, String> properties) throws IOException, BundleException {
        Map<String, String> all = new HashMap<>(properties);
        all.merge(SYSTEM_PACKAGES, exportsOfApi(), (more, ours) -> ours + "," + more);
        return Platform.start(HOME, Platform.LEVEL_PLATFORM, all);
    }

    /** The jars of our own bundles. */
    static List<Path> ourBundles() {
        try (Stream<Path> jars = Files.list(OURS)) {
            return jars.filter(jar -> jar.toString().endsWith(".jar")).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Our API's packages, for a framework whose system bundle shares them with the test. */
    static String exportsOfApi() throws IOException {
        try (JarFile jar = new JarFile(OURS.resolve("dev.faultline.api.jar").toFile())) {
            return jar.getManifest().getMainAttributes().getValue("Export-Package");
        }
    }

    private static String required(String property) {
        String value = System.getProperty(property);
        if (value == null) {
            throw new IllegalStateException(
                    "the system property " + property + " is not set; run with Maven");
        }
        return value;
    }
}
