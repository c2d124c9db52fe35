// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Where the host gives no memory for code, the translator interprets, and says why. */
class FallbackIT {
    @TempDir Path scratch;

    private Processes.Result confined(String what, String input, Object... arguments)
            throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin/java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        command.addAll(List.of("-cp", classes(), Confined.class.getName(), what));
        command.add(Distribution.HOME.resolve("bin/faultline").toString());
        for (Object a : arguments) {
            command.add(a.toString());
        }
        ProcessBuilder b = new ProcessBuilder(command);
        b.environment().put("FAULTLINE_JAVA_HOME", System.getProperty("java.home"));
        b.environment().put("FAULTLINE_AOT", "off");
        b.environment().put("HOME", scratch.toString());
        b.redirectInput(Files.writeString(scratch.resolve("input"), input).toFile());
        Processes.Result r = Processes.run(b, scratch);
        assumeTrue(r.code() != Confined.IMPOSSIBLE, "no seccomp filters here");
        return r;
    }

    private static String classes() throws Exception {
        return Path.of(Confined.class.getProtectionDomain().getCodeSource().getLocation().toURI())
                .toString();
    }

    @ParameterizedTest
    @CsvSource({"file, 'memfd_create: errno 13'", "mapping, 'mmap PROT_READ|PROT_EXEC: errno 13'"})
    void withoutMemoryForCodeItInterprets(String what, String reason) throws Exception {
        Path json = scratch.resolve("run.json");
        Processes.Result r =
                confined(
                        what,
                        "",
                        "run",
                        "--engine",
                        "translator",
                        "--json",
                        json,
                        Program.guest("hello"));

        assertThat(r.out()).contains("hello from long mode");
        assertThat(r.code()).as(r.err()).isEqualTo(1); // the guest's own
        assertThat(Files.readString(json))
                .containsPattern("\"engine\"\\s*:\\s*\"translator\"")
                .containsPattern("\"engineRefusal\"\\s*:\\s*\"[^\"]*" + quoted(reason));
        assertThat(r.err().lines().filter(l -> l.contains("engine translator interprets: ")))
                .hasSize(1)
                .allMatch(l -> l.contains(reason));
    }

    @Test
    void theShellShowsIt() throws Exception {
        Processes.Result r =
                confined(
                        "mapping",
                        "vm:run --name k --engine translator "
                                + Program.keyed()
                                + "\nvm:show k\nexit\n",
                        "shell");

        assertThat(r.code()).as(r.err()).isZero();
        assertThat(r.out())
                .containsPattern("engine +translator, in a slower way: .*PROT_EXEC: errno 13");
    }

    private static String quoted(String s) {
        return java.util.regex.Pattern.quote(s);
    }
}
