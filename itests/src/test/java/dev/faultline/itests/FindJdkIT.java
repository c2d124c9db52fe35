// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code lib/find-jdk.sh}, with folders that look like JDKs. */
class FindJdkIT {
    private static final Path SCRIPT = Distribution.HOME.resolve("lib/find-jdk.sh");

    @TempDir Path scratch;

    @Test
    void ourOwnVariableComesFirst() throws Exception {
        Path ours = jdk("ours", "25.0.1");
        Path theirs = jdk("theirs", "26");

        assertThat(find(Map.of("FAULTLINE_JAVA_HOME", ours, "JAVA_HOME", theirs)).out())
                .isEqualTo(ours + "\n");
    }

    @Test
    void javaHomeComesBeforeThePath() throws Exception {
        Path home = jdk("home", "25.0.3");

        assertThat(find(Map.of("JAVA_HOME", home)).out()).isEqualTo(home + "\n");
    }

    @Test
    void anOldJavaHomeIsPassedOver() throws Exception {
        Path old = jdk("old", "17.0.15");

        assertThat(find(Map.of("JAVA_HOME", old)).out()).isNotEqualTo(old + "\n");
    }

    @Test
    void versionsAreComparedAsNumbers() throws Exception {
        Path nine = jdk("nine", "9.0.4");

        assertThat(find(Map.of("JAVA_HOME", nine)).out()).isNotEqualTo(nine + "\n");
    }

    @Test
    void aRuntimeWithoutACompilerIsNoJdk() throws Exception {
        Path runtime = jdk("runtime", "25.0.3");
        Files.delete(runtime.resolve("bin/javac"));

        assertThat(find(Map.of("JAVA_HOME", runtime)).out()).isNotEqualTo(runtime + "\n");
    }

    @Test
    void anUnsuitableChoiceOfTheUserIsMentioned() throws Exception {
        Path old = jdk("old", "17.0.15");

        assertThat(find(Map.of("FAULTLINE_JAVA_HOME", old)).err()).contains(old.toString());
    }

    @Test
    void withoutAnyTheMessageSaysHowToGetOne() throws Exception {
        // None is new enough for the year 9999.
        Processes.Result result = shell(Map.of(), "FAULTLINE_JDK_MIN=9999; find_jdk");

        assertThat(result.code()).isEqualTo(4);
        assertThat(result.out()).isEmpty();
        assertThat(result.err()).contains("no JDK 9999 or newer found").contains("Get one");
    }

    private Processes.Result find(Map<String, Path> variables)
            throws IOException, InterruptedException {
        return shell(variables, "find_jdk");
    }

    private Processes.Result shell(Map<String, Path> variables, String command)
            throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder("sh", "-c", ". '" + SCRIPT + "'; " + command);
        builder.environment().remove("JAVA_HOME");
        builder.environment().remove("FAULTLINE_JAVA_HOME");
        variables.forEach((name, value) -> builder.environment().put(name, value.toString()));
        return Processes.run(builder, scratch);
    }

    private Path jdk(String name, String version) throws IOException {
        Path home = scratch.resolve(name);
        Files.createDirectories(home.resolve("bin"));
        for (String tool : new String[] {"java", "javac"}) {
            Path file = Files.createFile(home.resolve("bin").resolve(tool));
            assertThat(file.toFile().setExecutable(true)).isTrue();
        }
        Files.writeString(
                home.resolve("release"),
                "IMPLEMENTOR=\"Somebody\"\nJAVA_VERSION=\"" + version + "\"\n");
        return home;
    }
}
