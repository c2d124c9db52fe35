// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code bin/faultline} as a process of its own: exit codes, what goes to which stream, what is
 * left behind.
 */
class CommandLineIT {
    @TempDir Path scratch;

    @Test
    void anUnknownCommandIsWrongUsage() throws Exception {
        Processes.Result result = run(Map.of(), "no-such-command");

        assertThat(result.code()).isEqualTo(2);
        assertThat(result.err()).contains("no-such-command").doesNotContain("\tat ");
        assertThat(result.out()).isEmpty();
    }

    @Test
    void helpGoesToStandardOutput() throws Exception {
        Processes.Result result = run(Map.of(), "--help");

        assertThat(result.code()).isZero();
        assertThat(result.out()).contains("demo", "restore", "shell");
    }

    @Test
    void theShellTakesNoArguments() throws Exception {
        Processes.Result help = run(Map.of(), "shell", "--help");
        Processes.Result wrong = run(Map.of(), "shell", "vm:list");

        assertThat(help.code()).isZero();
        assertThat(help.out()).contains("interactive shell");
        assertThat(wrong.code()).isEqualTo(2);
        assertThat(wrong.err()).contains("vm:list").doesNotContain("\tat ");
    }

    @Test
    void runsThroughASymbolicLinkFromAnywhere() throws Exception {
        Path link = scratch.resolve("fl");
        Files.createSymbolicLink(link, Distribution.HOME.resolve("bin/faultline"));

        Processes.Result result = execute(Map.of(), List.of(link.toString(), "--help"));
        Files.delete(link);

        assertThat(result.code()).isZero();
    }

    @Test
    void leavesNoScratchFolderBehind() throws Exception {
        Path temporary = Files.createDirectory(scratch.resolve("temporary"));

        run(Map.of("FAULTLINE_OPTS", "-Djava.io.tmpdir=" + temporary), "--help");

        assertThat(temporary).isEmptyDirectory();
    }

    @Test
    void theStartUpCacheIsMadeOnce() throws Exception {
        Map<String, String> environment =
                Map.of("FAULTLINE_CACHE", scratch.resolve("cache").toString());

        Processes.Result first = run(environment, "--help");
        Processes.Result second = run(environment, "--help");

        assertThat(first.err()).contains("preparing the start-up cache");
        assertThat(second.err()).isEmpty();
        assertThat(second.out()).isEqualTo(first.out());
    }

    @Test
    void withoutTheCommandLineItSaysWhatIsMissing() throws Exception {
        Path home = scratch.resolve("home");
        copy(Distribution.HOME, home);
        Files.delete(home.resolve("bundles/3-faultline/dev.faultline.api.jar"));
        String command = home.resolve("bin/faultline").toString();

        Processes.Result result =
                execute(
                        Map.of("FAULTLINE_OPTS", "-Dfaultline.wait=100"),
                        List.of(command, "--help"));

        assertThat(result.code()).isEqualTo(4);
        assertThat(result.err())
                .contains("no command line after 100 ms")
                .contains("bundle dev.faultline.shell does not resolve")
                .doesNotContain("\tat ");
    }

    /** It would end with 1, which is a guest's own code. */
    @Test
    void aJvmThatCannotStartIsAnErrorOfOurs() throws Exception {
        Processes.Result conflict =
                run(Map.of("FAULTLINE_OPTS", "-XX:+UseParallelGC -Dx=y"), "--help");
        Processes.Result tool = run(Map.of("JAVA_TOOL_OPTIONS", "-Xmx1q"), "--help");

        assertThat(conflict.code()).as(conflict.err()).isEqualTo(4);
        assertThat(conflict.err()).contains("does not start; check FAULTLINE_OPTS");
        assertThat(tool.code()).as(tool.err()).isEqualTo(4);
    }

    @Test
    void anIncompleteInstallationIsAnErrorOfOurs() throws Exception {
        for (String part : List.of("dev.faultline.launcher.jar", "find-jdk.sh")) {
            Path home = scratch.resolve("without-" + part);
            copy(Distribution.HOME, home);
            Files.delete(home.resolve("lib").resolve(part));

            Processes.Result result =
                    execute(Map.of(), List.of(home.resolve("bin/faultline").toString(), "--help"));

            assertThat(result.code()).as(result.err()).isEqualTo(4);
            assertThat(result.err()).contains(part + " is missing");
        }
    }

    @Test
    void withoutAJdkItIsAnErrorOfOurs() throws Exception {
        Path home = scratch.resolve("home");
        copy(Distribution.HOME, home);
        Path script = home.resolve("lib/find-jdk.sh");
        // None is new enough for the year 9999.
        String old = Files.readString(script);
        Files.writeString(script, old.replace("FAULTLINE_JDK_MIN=25", "FAULTLINE_JDK_MIN=9999"));

        Processes.Result result =
                execute(Map.of(), List.of(home.resolve("bin/faultline").toString(), "--help"));

        assertThat(result.code()).as(result.err()).isEqualTo(4);
        assertThat(result.err()).contains("no JDK 9999 or newer found");
    }

    /** An installation of one's own, to configure. */
    private Path home() throws IOException {
        Path home = scratch.resolve("home");
        copy(Distribution.HOME, home);
        return home;
    }

    private Processes.Result runAt(Path home, Path json) throws Exception {
        return execute(
                Map.of(),
                List.of(
                        home.resolve("bin/faultline").toString(),
                        "run",
                        Program.keyed().toString(),
                        "--append",
                        "keys=100",
                        "--memory",
                        "64M",
                        "--json",
                        json.toString(),
                        "--input-when",
                        "READY=exit 0\\n"));
    }

    @Test
    void wrongValuesInConfigurationsAreNamedAndTheOthersHold() throws Exception {
        Path home = home();
        Files.copy(
                Path.of(System.getProperty("faultline.examples"), "org.example.patternsource.jar"),
                home.resolve("deploy/patternsource.jar"));
        Files.writeString(
                home.resolve("etc/dev.faultline.machine.pc.cfg"),
                "handler.deadline=abc\nhandler.failures=0\nfault.style=thrown\n");
        Files.writeString(
                home.resolve("etc/org.example.patternsource.cfg"),
                "machine=nobody\ngpa.start=4096\ngpa.size=4096\nseed=many\n");
        Path json = scratch.resolve("run.json");

        Processes.Result result = runAt(home, json);

        assertThat(result.code()).as(result.err()).isEqualTo(1);
        assertThat(result.err())
                .contains(
                        "etc/dev.faultline.machine.pc.cfg: handler.deadline=abc: expected a whole"
                                + " number from 1 up; the default 1000 holds",
                        "etc/dev.faultline.machine.pc.cfg: handler.failures=0: expected a whole"
                                + " number from 1 to 2147483647; the default 3 holds",
                        "etc/org.example.patternsource.cfg: seed=many: expected a whole number")
                .doesNotContain("internal error")
                .doesNotContain("\tat ");
        assertThat(json).content().containsPattern("\"faultStyle\"\\s*:\\s*\"thrown\"");
    }

    @Test
    void anEngineThatIsConfiguredAndNotThereIsTheConfigurationsFault() throws Exception {
        Path home = home();
        Files.writeString(home.resolve("etc/dev.faultline.machine.pc.cfg"), "engine=warp\n");

        Processes.Result result = runAt(home, scratch.resolve("run.json"));

        assertThat(result.code()).isEqualTo(4);
        assertThat(result.err())
                .contains("dev.faultline.machine.pc: engine=warp: unknown engine warp; there is")
                .doesNotContain("\tat ");
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> tree = Files.walk(from)) {
            for (Path path : tree.toList()) {
                Path target = to.resolve(from.relativize(path));
                Files.copy(path, target);
                assertThat(target.toFile().setExecutable(Files.isExecutable(path))).isTrue();
            }
        }
    }

    private Processes.Result run(Map<String, String> environment, Object... arguments)
            throws IOException, InterruptedException {
        return Program.run(environment, scratch, arguments);
    }

    /** A script in another place, without the start-up cache. */
    private Processes.Result execute(Map<String, String> environment, List<String> command)
            throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("FAULTLINE_JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("FAULTLINE_AOT", "off");
        builder.environment().putAll(environment);
        return Processes.run(builder, scratch);
    }
}
