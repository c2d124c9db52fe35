// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import dev.faultline.testkit.HangGuard;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Runs a process to its end. */
final class Processes {
    /** What a process left: its exit code and both of its streams. */
    record Result(int code, String out, String err) {}

    private Processes() {}

    /**
     * Runs it with an empty standard input.
     *
     * @param scratch a folder for its output
     * @throws AssertionError with what it said, if it hangs
     */
    static Result run(ProcessBuilder builder, Path scratch)
            throws IOException, InterruptedException {
        Path out = scratch.resolve("standard-output");
        Path err = scratch.resolve("standard-error");
        Process process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
        process.getOutputStream().close();
        int code;
        try {
            code = HangGuard.join(process);
        } catch (AssertionError e) {
            throw new AssertionError(
                    "%s%nsaid: %s%nand: %s".formatted(builder.command(), text(out), text(err)), e);
        }
        return new Result(code, text(out), text(err));
    }

    private static String text(Path file) throws IOException {
        return Files.readString(file, StandardCharsets.UTF_8);
    }
}
