// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.launcher.Diagnosis;
import dev.faultline.launcher.Platform;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.osgi.framework.Bundle;

/** The shipped bundles start together, and every component of them finds what it needs. */
class StartIT {
    @Test
    void everyComponentIsSatisfied() throws Exception {
        try (Platform platform = Distribution.boot()) {
            assertThat(platform.problems()).isEmpty();
            assertThat(Diagnosis.of(platform.framework().getBundleContext())).isEmpty();
        }
    }

    @Test
    void everyComponentIsSatisfiedWhenTestsShareTheApi() throws Exception {
        try (Platform platform = Distribution.bootTyped(Map.of())) {
            assertThat(platform.problems()).isEmpty();
            assertThat(Diagnosis.of(platform.framework().getBundleContext())).isEmpty();
        }
    }

    @Test
    void everyBundleOfOursIsActiveButThePlatformsOfOtherHosts() throws Exception {
        try (Platform platform = Distribution.boot()) {
            List<String> inactive =
                    Arrays.stream(platform.framework().getBundleContext().getBundles())
                            .filter(bundle -> bundle.getSymbolicName().startsWith("dev.faultline."))
                            .filter(bundle -> bundle.getState() != Bundle.ACTIVE)
                            .map(Bundle::getSymbolicName)
                            .toList();

            assertThat(inactive).hasSize(2).allMatch(name -> name.contains(".platform."));
        }
    }

    @Test
    void theCommandLineIsThere() throws Exception {
        try (Platform platform = Distribution.boot()) {
            assertThat(platform.await("dev.faultline.api.cli.CommandLine", 30_000)).isNotNull();
        }
    }
}
