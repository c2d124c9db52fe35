// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.testkit.HangGuard;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * While a vCPU is inside a loop of generated code that never leaves it, the JVM collects garbage,
 * prints threads, samples and ends, whatever its collector.
 */
class JvmIT {
    private static final Path JDK = Path.of(System.getProperty("java.home"));

    @TempDir Path scratch;
    private Process process;

    @AfterEach
    void end() {
        if (process != null) {
            process.destroyForcibly();
        }
    }

    /** Without {@code bin/faultline}, which chooses the collector. */
    private void start(String collector, Path json) throws IOException {
        Path home = Distribution.HOME;
        List<String> command =
                new ArrayList<>(
                        List.of(
                                JDK.resolve("bin/java").toString(),
                                "--enable-native-access=ALL-UNNAMED",
                                "--sun-misc-unsafe-memory-access=allow",
                                "-XX:+Use" + collector,
                                "-Xmx512m",
                                "-Dfaultline.home=" + home,
                                "-cp",
                                home.resolve("lib/dev.faultline.launcher.jar")
                                        + ":"
                                        + home.resolve("lib/org.apache.felix.framework.jar"),
                                "dev.faultline.launcher.Main"));
        command.addAll(List.of("run", "--engine", "translator", "--append", "hang", "--json"));
        command.addAll(List.of(json.toString(), Program.guest("hostile").toString()));
        process =
                new ProcessBuilder(command)
                        .redirectOutput(file("out").toFile())
                        .redirectError(file("err").toFile())
                        .start();
    }

    private Path file(String name) {
        return scratch.resolve(name);
    }

    private String text(String name) {
        try {
            return Files.readString(file(name));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private String jcmd(String... command) throws Exception {
        List<String> all =
                new ArrayList<>(
                        List.of(JDK.resolve("bin/jcmd").toString(), Long.toString(process.pid())));
        all.addAll(List.of(command));
        Processes.Result r = Processes.run(new ProcessBuilder(all), scratch);
        assertThat(r.code()).as(r.err() + r.out()).isZero();
        return r.out();
    }

    @ParameterizedTest
    @ValueSource(strings = {"SerialGC", "G1GC", "ZGC"})
    void aLoopOfGeneratedCodeStopsNothingOfTheJvm(String collector) throws Exception {
        Path json = file("run.json");
        start(collector, json);
        HangGuard.until(
                "the guest hangs",
                () -> {
                    boolean alive = process.isAlive();
                    boolean hangs = text("out").contains("hang begins");
                    assertThat(alive || hangs).as(text("err")).isTrue();
                    return hangs;
                });

        jcmd("GC.run");
        HangGuard.until(
                "a thread is in generated code",
                () -> {
                    try {
                        return jcmd("Thread.print").contains("NativeCode.enter");
                    } catch (Exception e) {
                        throw new AssertionError(e);
                    }
                });
        jcmd("JFR.start", "name=all", "settings=profile");
        Path recording = file("all.jfr");
        HangGuard.until(
                "it is sampled",
                () -> {
                    try {
                        jcmd("GC.run");
                        jcmd("JFR.dump", "name=all", "filename=" + recording);
                        return RecordingFile.readAllEvents(recording).stream()
                                .filter(e -> e.getEventType().getName().endsWith("MethodSample"))
                                .anyMatch(e -> e.toString().contains("NativeCode.enter"));
                    } catch (Exception e) {
                        throw new AssertionError(e);
                    }
                });
        jcmd("JFR.stop", "name=all");

        new ProcessBuilder("kill", "-TERM", Long.toString(process.pid())).start().waitFor();
        assertThat(HangGuard.join(process)).as(text("err")).isEqualTo(143);
        assertThat(text("err")).contains("the guest was stopped").doesNotContain("ERROR");
        assertThat(json).content().containsPattern("\"instructions\"\\s*:\\s*[1-9]");
    }
}
