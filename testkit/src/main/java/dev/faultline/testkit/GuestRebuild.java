// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Proves that a committed guest is what its committed source gives.
 *
 * <p>The bytes depend on the compiler and the linker, so the comparison is made with exactly the
 * versions that the committed files were built with, and the test is skipped elsewhere.
 */
public final class GuestRebuild {
    private static final String GCC_VERSION = "12.2.0";
    private static final String LD_VERSION = "GNU ld (GNU Binutils for Debian) 2.40";

    private final Path directory;

    /**
     * @param directory empty; what is built goes there
     */
    public GuestRebuild(Path directory) {
        this.directory = directory;
    }

    /**
     * @param script builds into the directory that it is given
     * @param resources where the committed files are
     * @param names of the files
     */
    public void compare(Path script, Path resources, String... names)
            throws IOException, InterruptedException {
        assumeVersion(GCC_VERSION, "gcc", "-dumpfullversion");
        assumeVersion(LD_VERSION, "ld", "--version");

        run(script.toAbsolutePath().toString(), directory.toString());

        for (String name : names) {
            assertThat(directory.resolve(name))
                    .as("%s is stale: run %s and commit the result", name, script)
                    .hasSameBinaryContentAs(resources.resolve(name));
        }
    }

    private void assumeVersion(String expected, String... command)
            throws IOException, InterruptedException {
        String found;
        try {
            found = run(command);
        } catch (IOException e) {
            found = "nothing (" + e.getMessage() + ")";
        }
        assumeTrue(
                found.startsWith(expected),
                "needs " + command[0] + " \"" + expected + "\", found " + found.strip());
    }

    /** Runs a command to its end and returns what it printed; a failure of the command fails. */
    private String run(String... command) throws IOException, InterruptedException {
        Path output = Files.createTempFile(directory, "output", ".txt");
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        int code = HangGuard.join(process);
        String text = Files.readString(output);
        assertThat(code).as("%s: %s", command[0], text).isZero();
        return text;
    }
}
