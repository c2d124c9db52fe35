// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.testkit.HangGuard;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What docs/howto/write-an-extension.md promises: generate a project, build it, deploy it, remove
 * it.
 */
class ArchetypeIT {
    /**
     * A version of our artifacts that nobody else has in the local repository, not even another run
     * of this test; removed afterwards.
     */
    private static final String VERSION = "0-itest-" + UUID.randomUUID();

    private static final String PLUGIN = "org.apache.maven.plugins:maven-archetype-plugin:3.4.1";
    private static final Path REPOSITORY = Path.of(System.getProperty("maven.repository"));
    private static final List<String> OURS =
            List.of("dev.faultline.api", "dev.faultline.testkit", "extension-archetype");

    @TempDir Path scratch;

    @BeforeEach
    void offerOurArtifacts() throws IOException {
        install(Distribution.HOME.resolve("bundles/3-faultline/dev.faultline.api.jar"));
        install(Path.of(System.getProperty("faultline.examples"), "dev.faultline.testkit.jar"));
        install(Path.of(System.getProperty("faultline.examples"), "extension-archetype.jar"));
    }

    @AfterEach
    void withdrawThem() throws IOException {
        for (String artifact : OURS) {
            Path version = folder(artifact);
            if (Files.exists(version)) {
                try (Stream<Path> tree = Files.walk(version)) {
                    for (Path p : tree.sorted(Comparator.reverseOrder()).toList()) {
                        Files.delete(p);
                    }
                }
            }
        }
    }

    private static Path folder(String artifact) {
        return REPOSITORY.resolve("dev/faultline").resolve(artifact).resolve(VERSION);
    }

    private static void install(Path jar) throws IOException {
        String artifact = jar.getFileName().toString().replace(".jar", "");
        Path folder = Files.createDirectories(folder(artifact));
        Path base = folder.resolve(artifact + "-" + VERSION);
        Files.deleteIfExists(Path.of(base + ".jar"));
        Files.copy(jar, Path.of(base + ".jar"));
        Files.writeString(
                Path.of(base + ".pom"),
                """
                <project>
                  <modelVersion>4.0.0</modelVersion>
                  <groupId>dev.faultline</groupId>
                  <artifactId>%s</artifactId>
                  <version>%s</version>
                </project>
                """
                        .formatted(artifact, VERSION));
    }

    private void maven(Path directory, String... arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("maven.home"), "bin/mvn").toString());
        command.add("-B");
        command.add("-Dmaven.repo.local=" + REPOSITORY);
        if (System.getProperty("maven.settings").equals("offline=true")) {
            command.add("-o");
        }
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile());
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().keySet().removeIf(k -> k.startsWith("MAVEN_"));
        Processes.Result result = Processes.run(builder, scratch);
        assertThat(result.code()).as(result.out()).isZero();
    }

    @Test
    void aGeneratedProjectBuildsAndItsBundleTakesEffectAndLeaves() throws Exception {
        Path work = Files.createDirectory(scratch.resolve("work"));
        maven(
                work,
                PLUGIN + ":generate",
                "-DarchetypeCatalog=internal",
                "-DarchetypeGroupId=dev.faultline",
                "-DarchetypeArtifactId=extension-archetype",
                "-DarchetypeVersion=" + VERSION,
                "-DfaultlineVersion=" + VERSION,
                "-DdeviceName=tally",
                "-DgroupId=com.acme",
                "-DartifactId=com.acme.tally",
                "-Dpackage=com.acme.tally",
                "-Dversion=1.0.0");
        Path project = work.resolve("com.acme.tally");

        maven(project, "verify");

        assertThat(project.resolve("target/surefire-reports/com.acme.tally.CounterDeviceTest.txt"))
                .content()
                .contains("Tests run: 2, Failures: 0");
        Path jar = project.resolve("target/com.acme.tally-1.0.0.jar");
        try (DeployFolder deploy = new DeployFolder(scratch)) {
            MachineFactory factory = deploy.service(MachineFactory.class);
            deploy.put(jar);
            deploy.awaitService("com.acme.tally", DeviceFactory.class);
            deploy.awaitService("com.acme.tally", FaultHandler.class);
            HangGuard.until("its device", () -> factory.devices().equals(List.of("tally")));
            try (ProbeGuest guest = ProbeGuest.boot(factory, "acme", "tally,every=200")) {
                guest.ask("out 0x330 0");
                guest.ask("out 0x330 0");
                assertThat(guest.ask("in 0x330")).isEqualTo("in 02");
            }
            deploy.removeAndAwaitGone(jar, "com.acme.tally");
            assertThat(factory.devices()).isEmpty();
        }
    }
}
