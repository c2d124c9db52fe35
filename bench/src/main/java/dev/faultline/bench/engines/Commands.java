// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.engines;

import dev.faultline.bench.BenchException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Programs of the host. */
final class Commands {
    private Commands() {}

    /**
     * Runs one to its end and returns its standard output.
     *
     * @param advice what to do if it cannot be run
     */
    static String run(Path scratch, String advice, Object... command)
            throws BenchException, IOException, InterruptedException {
        return run(scratch, Map.of(), advice, command);
    }

    static String run(
            Path scratch, Map<String, String> environment, String advice, Object... command)
            throws BenchException, IOException, InterruptedException {
        List<String> c = Stream.of(command).map(Object::toString).toList();
        Path out = Files.createTempFile(scratch, "out", "");
        Path err = Files.createTempFile(scratch, "err", "");
        try {
            ProcessBuilder b =
                    new ProcessBuilder(c)
                            .redirectInput(Path.of("/dev/null").toFile())
                            .redirectOutput(out.toFile())
                            .redirectError(err.toFile());
            b.environment().putAll(environment);
            int code;
            try {
                code = b.start().waitFor();
            } catch (IOException e) {
                throw new BenchException(
                        c.getFirst() + " cannot be started: " + e.getMessage() + "; " + advice);
            }
            if (code != 0) {
                List<String> said =
                        Files.readString(err, StandardCharsets.ISO_8859_1).lines().toList();
                throw new BenchException(
                        "`%s` ended with exit code %d: %s; %s"
                                .formatted(
                                        String.join(" ", c),
                                        code,
                                        said.isEmpty() ? "it said nothing" : said.getLast(),
                                        advice));
            }
            return Files.readString(out, StandardCharsets.ISO_8859_1);
        } finally {
            Files.deleteIfExists(out);
            Files.deleteIfExists(err);
        }
    }

    /** The first program of that name on the PATH, or null. */
    static Path find(String name) {
        for (String d : System.getenv().getOrDefault("PATH", "").split(":")) {
            Path p = Path.of(d.isEmpty() ? "." : d, name);
            if (Files.isRegularFile(p) && Files.isExecutable(p)) {
                return p.toAbsolutePath();
            }
        }
        return null;
    }
}
