// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code bin/faultline} as a process of its own: finding the JDK, exit codes, what goes to which
 * stream.
 */
class CommandLineIT {
    private static final long LIMIT_SECONDS = 120;

    @TempDir Path scratch;

    private record Result(int code, String out, String err) {}

    @Test
    void anUnknownCommandIsWrongUsage() throws Exception {
        Result result = run(Map.of(), "no-such-command");

        assertThat(result.code).isEqualTo(2);
        assertThat(result.err).contains("no-such-command").doesNotContain("\tat ");
        assertThat(result.out).isEmpty();
    }

    @Test
    void helpGoesToStandardOutput() throws Exception {
        Result result = run(Map.of(), "--help");

        assertThat(result.code).isZero();
        assertThat(result.out).contains("demo").contains("restore");
    }

    @Test
    void runsThroughASymbolicLinkFromAnywhere() throws Exception {
        Path link = scratch.resolve("fl");
        Files.createSymbolicLink(link, Distribution.HOME.resolve("bin/faultline"));

        Result result = execute(Map.of(), List.of(link.toString(), "--help"));
        Files.delete(link);

        assertThat(result.code).isZero();
    }

    @Test
    void anUnsuitableJavaHomeIsPassedOver() throws Exception {
        Result result = run(Map.of("FAULTLINE_JAVA_HOME", "/nonexistent"), "--help");

        assertThat(result.err).contains("/nonexistent");
    }

    @Test
    void leavesNoScratchFolderBehind() throws Exception {
        Path temporary = Files.createDirectory(scratch.resolve("temporary"));

        run(Map.of("FAULTLINE_OPTS", "-Djava.io.tmpdir=" + temporary), "--help");

        assertThat(temporary).isEmptyDirectory();
    }

    private Result run(Map<String, String> environment, String... arguments) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Distribution.HOME.resolve("bin/faultline").toString());
        command.addAll(List.of(arguments));
        return execute(environment, command);
    }

    private Result execute(Map<String, String> environment, List<String> command)
            throws IOException, InterruptedException {
        Path out = scratch.resolve("out");
        Path err = scratch.resolve("err");
        ProcessBuilder builder = new ProcessBuilder(command);
        // The JDK that runs the tests is the one to find, unless a test says otherwise.
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("FAULTLINE_AOT", "off");
        builder.environment().putAll(environment);
        builder.redirectOutput(out.toFile()).redirectError(err.toFile());
        Process process = builder.start();
        process.getOutputStream().close();
        if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new AssertionError(command + " did not end within " + LIMIT_SECONDS + " s");
        }
        return new Result(
                process.exitValue(),
                Files.readString(out, StandardCharsets.UTF_8),
                Files.readString(err, StandardCharsets.UTF_8));
    }
}
