// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** Runs a process to its end. */
final class Processes {
    private static final long LIMIT_SECONDS = 180;

    /** What a process left: its exit code and both of its streams. */
    record Result(int code, String out, String err) {}

    private Processes() {}

    /**
     * Runs it with an empty standard input.
     *
     * @param scratch a folder for its output
     * @throws AssertionError if it does not end in time
     */
    static Result run(ProcessBuilder builder, Path scratch)
            throws IOException, InterruptedException {
        Path out = scratch.resolve("standard-output");
        Path err = scratch.resolve("standard-error");
        Process process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
        process.getOutputStream().close();
        if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new AssertionError(
                    builder.command() + " did not end within " + LIMIT_SECONDS + " s");
        }
        return new Result(
                process.exitValue(),
                Files.readString(out, StandardCharsets.UTF_8),
                Files.readString(err, StandardCharsets.UTF_8));
    }
}
