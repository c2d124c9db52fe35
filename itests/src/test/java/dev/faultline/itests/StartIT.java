// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.launcher.Diagnosis;
import dev.faultline.launcher.Platform;
import dev.faultline.testkit.HangGuard;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;

/** The shipped bundles start together, and every component of them finds what it needs. */
class StartIT {
    @Test
    void everyComponentIsSatisfied() throws Exception {
        try (Platform platform = Distribution.boot()) {
            satisfied(platform);
        }
    }

    @Test
    void everyComponentIsSatisfiedWhenTestsShareTheApi() throws Exception {
        try (Platform platform = Distribution.bootTyped(Map.of())) {
            satisfied(platform);
        }
    }

    @Test
    void everyBundleOfOursIsActiveButThePlatformsOfOtherHosts() throws Exception {
        try (Platform platform = Distribution.boot()) {
            HangGuard.until(
                    "all but two are active: " + inactive(platform),
                    () -> inactive(platform).size() == 2);
            assertThat(inactive(platform)).allMatch(name -> name.contains(".platform."));
        }
    }

    private static List<String> inactive(Platform platform) {
        return Arrays.stream(platform.framework().getBundleContext().getBundles())
                .filter(bundle -> bundle.getSymbolicName().startsWith("dev.faultline."))
                .filter(bundle -> bundle.getState() != Bundle.ACTIVE)
                .map(Bundle::getSymbolicName)
                .toList();
    }

    /** Components become active on threads of their own, after the start level is reached. */
    private static void satisfied(Platform platform) throws Exception {
        assertThat(platform.problems()).isEmpty();
        BundleContext context = platform.framework().getBundleContext();
        HangGuard.until(
                "every component is satisfied",
                () -> {
                    try {
                        return Diagnosis.of(context).isEmpty();
                    } catch (ReflectiveOperationException e) {
                        throw new AssertionError(e);
                    }
                });
        assertThat(platform.problems()).isEmpty();
    }

    @Test
    void theCommandLineIsThere() throws Exception {
        try (Platform platform = Distribution.boot()) {
            assertThat(
                            platform.await(
                                    "dev.faultline.api.cli.CommandLine",
                                    HangGuard.limit().toMillis()))
                    .isNotNull();
        }
    }
}
