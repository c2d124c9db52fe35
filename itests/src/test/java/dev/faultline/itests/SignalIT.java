// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.faultline.testkit.HangGuard;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A signal ends every command in order: one line, exit code 128 + n, no stack trace, nothing half
 * written, no scratch folder.
 */
class SignalIT {
    @TempDir static Path shared;
    private static Path snapshot;
    @TempDir Path scratch;
    private Process process;

    /** What is waited for. */
    private interface Condition {
        boolean holds() throws IOException;
    }

    @BeforeAll
    static void saveASnapshot() throws Exception {
        snapshot = shared.resolve("snap");
        Processes.Result r =
                Program.run(
                        shared,
                        "snapshot",
                        "save",
                        Program.keyed(),
                        snapshot,
                        "--when",
                        "READY",
                        "--memory",
                        "16M",
                        "--append",
                        "keys=100");
        assertThat(r.code()).as(r.err()).isZero();
    }

    @AfterEach
    void end() {
        if (process != null) {
            process.destroyForcibly();
        }
    }

    // ---- starting and telling

    private Path out() {
        return scratch.resolve("out");
    }

    private Path err() {
        return scratch.resolve("err");
    }

    private void start(Object... arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Distribution.HOME.resolve("bin/faultline").toString());
        for (Object a : arguments) {
            command.add(a.toString());
        }
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("FAULTLINE_JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("FAULTLINE_AOT", "off");
        Path temporary = Files.createDirectories(scratch.resolve("temporary"));
        builder.environment().put("FAULTLINE_OPTS", "-Djava.io.tmpdir=" + temporary);
        process = builder.redirectOutput(out().toFile()).redirectError(err().toFile()).start();
    }

    private void when(Condition condition) throws Exception {
        HangGuard.until(
                "the program comes so far",
                () -> {
                    try {
                        // Asked first: what it says last is read after its end.
                        boolean alive = process.isAlive();
                        boolean holds = condition.holds();
                        assertThat(alive || holds).as(Files.readString(err())).isTrue();
                        return holds;
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
    }

    private void says(Path file, String text) throws Exception {
        when(() -> Files.readString(file).contains(text));
    }

    private int tell(String signal) throws Exception {
        int sent =
                new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid()))
                        .inheritIO()
                        .start()
                        .waitFor();
        assertThat(sent).isZero();
        return HangGuard.join(process);
    }

    private void inOrder(String signal, int code) throws Exception {
        assertThat(tell(signal)).as(Files.readString(err())).isEqualTo(code);
        String said = Files.readString(err());
        assertThat(said).doesNotContain("\tat ").doesNotContain("Exception");
        assertThat(said).doesNotContain("NoClassDefFoundError").doesNotContain("ERROR");
        assertThat(said.lines().filter(l -> l.contains("ended by SIG" + signal)))
                .as(said)
                .hasSize(1);
        assertThat(scratch.resolve("temporary")).isEmptyDirectory();
    }

    // ---- cases

    @ParameterizedTest
    @CsvSource({"TERM, 143", "INT, 130", "HUP, 129"})
    void aRunEnds(String signal, int code) throws Exception {
        Path json = scratch.resolve("run.json");
        start("run", Program.guest("hostile"), "--append", "hang", "--json", json);
        says(out(), "hang begins");
        assumeTrue(handled(signal), "the parent of the tests ignores SIG" + signal);

        inOrder(signal, code);

        assertThat(err()).content().contains("the guest was stopped");
        assertThat(json)
                .content()
                .containsPattern("\"code\"\\s*:\\s*" + code)
                .containsPattern("\"instructions\"\\s*:\\s*[1-9]")
                .doesNotContain("\"error\"");
    }

    /** A process that is started with a signal ignored leaves it so, as after nohup. */
    private boolean handled(String signal) throws IOException {
        Path status = Path.of("/proc/" + process.pid() + "/status");
        if (!Files.isReadable(status)) {
            return true;
        }
        int number =
                switch (signal) {
                    case "HUP" -> 1;
                    case "INT" -> 2;
                    default -> 15;
                };
        String mask =
                Files.readAllLines(status).stream()
                        .filter(l -> l.startsWith("SigIgn:"))
                        .map(l -> l.substring(7).strip())
                        .findFirst()
                        .orElse("0");
        return (Long.parseUnsignedLong(mask, 16) & 1L << number - 1) == 0;
    }

    /** Either it came too late, and the snapshot is whole, or nothing of it is left. */
    @Test
    void whileSavingNothingHalfStays() throws Exception {
        Path dir = scratch.resolve("big");
        start(
                "run",
                Program.keyed(),
                "--memory",
                "256M",
                "--append",
                "keys=30000",
                "--snapshot-when",
                "READY",
                "--snapshot-to",
                dir);
        when(() -> Files.exists(dir) || unfinished());

        inOrder("TERM", 143);

        assertThat(unfinished()).isFalse();
        if (Files.exists(dir)) {
            assertThat(err()).content().doesNotContain("nothing of which is left");
            Processes.Result r = Program.run(scratch, "snapshot", "verify", dir);
            assertThat(r.code()).as(r.err()).isZero();
        } else {
            assertThat(err()).content().contains("nothing of which is left");
        }
    }

    private boolean unfinished() throws IOException {
        try (Stream<Path> s = Files.list(scratch)) {
            return s.anyMatch(p -> p.getFileName().toString().contains("saving"));
        }
    }

    @ParameterizedTest
    @CsvSource({"eager", "lazy"})
    void aRestoreEnds(String mode) throws Exception {
        start("restore", snapshot, "--mode", mode);
        process.getOutputStream().write("get 0\n".getBytes());
        process.getOutputStream().flush();
        says(out(), "0 96 ok");

        inOrder("TERM", 143);
    }

    @Test
    void clonesEnd() throws Exception {
        Path last = scratch.resolve("clone-3");
        start(
                "restore",
                snapshot,
                "--clones",
                "3",
                "--serial",
                "file:" + scratch.resolve("clone-%d"));
        when(() -> Files.exists(last));

        inOrder("TERM", 143);
    }

    @Test
    void theDemoEnds() throws Exception {
        start("demo", "--memory", "64M", "--picture", scratch.resolve("pages.png"));
        says(err(), "1/5");

        inOrder("TERM", 143);
    }

    @Test
    void theShellEndsWithItsMachines() throws Exception {
        start("shell");
        String run = "vm:run --name m --memory 64M -a keys=200 " + Program.keyed() + "\n";
        process.getOutputStream().write(run.getBytes());
        process.getOutputStream().flush();
        says(out(), "m runs");

        inOrder("TERM", 143);
    }

    @ParameterizedTest
    @CsvSource({"run", "shell"})
    void theTerminalIsAsItWas(String command) throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/script")), "script makes the terminal");
        Path before = scratch.resolve("before");
        Path after = scratch.resolve("after");
        Path pid = scratch.resolve("pid");
        boolean run = command.equals("run");
        String words = run ? "run " + Program.guest("hostile") + " --append hang" : command;
        String steps =
                "stty cols 120 rows 40; stty -g >%s; sh -c 'echo $$ >%s; exec %s %s'; echo code=$?; stty -g >%s"
                        .formatted(
                                before,
                                pid,
                                Distribution.HOME.resolve("bin/faultline"),
                                words,
                                after);
        ProcessBuilder builder =
                new ProcessBuilder(
                        "/usr/bin/script", "-qec", steps, scratch.resolve("log").toString());
        builder.environment().put("FAULTLINE_JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("FAULTLINE_AOT", "off");
        builder.environment().put("TERM", "xterm");
        builder.environment().put("HOME", scratch.toString());
        process = builder.redirectOutput(out().toFile()).redirectError(err().toFile()).start();
        says(out(), run ? "hang begins" : "faultline> ");

        new ProcessBuilder("kill", "-TERM", Files.readString(pid).strip()).start().waitFor();

        HangGuard.join(process);
        assertThat(out()).content().contains("code=143").contains("ended by SIGTERM");
        assertThat(after).hasSameTextualContentAs(before);
    }
}
