// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Inside a bundle packages use each other in one direction, and none is so large that its parts
 * cannot be told (CONTRIBUTING.md, "Rooms").
 */
class PackageRulesTest {
    private static final int MOST_FILES = 20;

    /** The exported API is one vocabulary. */
    private static final String API = "dev.faultline.api";

    /**
     * Contracts that speak of each other: a vCPU has an MMU, which is told whose translations it
     * looks up, and both tell faults; a device sees its machine, whose state is its devices'.
     */
    private static final List<Set<String>> MUTUAL =
            List.of(
                    Set.of(API + ".engine", API + ".fault", API + ".mmu", API + ".protection"),
                    Set.of(API + ".device", API + ".vm"));

    @Test
    void circlesAreFound() {
        Map<String, Set<String>> uses =
                Map.of(
                        "a", Set.of("b"),
                        "b", Set.of("c"),
                        "c", Set.of("b", "d"),
                        "d", Set.of());

        assertThat(PackageRules.circles(new TreeMap<>(uses))).containsExactly(Set.of("b", "c"));
    }

    @Test
    void noPackagesOfABundleUseEachOther() throws IOException {
        Map<String, List<Set<String>>> found = new TreeMap<>();
        int packages = 0;
        for (Path bundle : bundles()) {
            Map<String, Set<String>> uses = PackageRules.uses(bundle.resolve("target/classes"));
            packages += uses.size();
            List<Set<String>> circles = PackageRules.circles(uses);
            if (!circles.isEmpty()) {
                found.put(bundle.getFileName().toString(), circles);
            }
        }
        assertThat(packages).isGreaterThan(40);
        List<Set<String>> ours = found.remove(API);
        assertThat(found).isEmpty();
        assertThat(ours).containsExactlyInAnyOrderElementsOf(MUTUAL);
    }

    @Test
    void noPackageIsTooLarge() throws IOException {
        Map<String, Long> found = new TreeMap<>();
        for (Path bundle : bundles()) {
            try (Stream<Path> all = Files.walk(bundle.resolve("src/main/java"))) {
                for (Path folder : all.filter(Files::isDirectory).toList()) {
                    long files = sources(folder);
                    if (files > MOST_FILES) {
                        found.put(bundle.getFileName() + ": " + folder.getFileName(), files);
                    }
                }
            }
        }
        assertThat(found).isEmpty();
    }

    private static long sources(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(f -> f.toString().endsWith(".java"))
                    .filter(f -> !f.getFileName().toString().equals("package-info.java"))
                    .count();
        }
    }

    private static List<Path> bundles() throws IOException {
        List<Path> all = new ArrayList<>();
        try (Stream<Path> folders = Files.list(Program.SOURCES.resolve("bundles"))) {
            folders.filter(f -> Files.isDirectory(f.resolve("src/main/java"))).forEach(all::add);
        }
        assertThat(all).hasSizeGreaterThan(10);
        return all;
    }
}
