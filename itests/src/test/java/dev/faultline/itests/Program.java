// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.testkit.HangGuard;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/** {@code bin/faultline} of the distribution under test, and the guests it is given. */
final class Program {
    static final Path SOURCES = Path.of(System.getProperty("faultline.sources", ".."));

    /**
     * Environment of a command that works for long, or hashes much. All others are run without the
     * compiler that starts to pay after some seconds: what they do does not depend on it.
     */
    static final Map<String, String> COMPILED = Map.of("FAULTLINE_OPTS", "");

    private static boolean primed;

    private Program() {}

    /** A test guest of the machine bundle. */
    static Path guest(String name) {
        return SOURCES.resolve(
                "bundles/dev.faultline.machine.pc/src/test/resources/guest/" + name + ".elf");
    }

    /** The embedded guest of the demo. */
    static Path keyed() {
        return SOURCES.resolve("bundles/dev.faultline.shell/src/main/resources/guest/keyed.elf");
    }

    static Processes.Result run(Path scratch, Object... arguments)
            throws IOException, InterruptedException {
        return run(Map.of(), scratch, arguments);
    }

    /** With {@code input} on standard input. */
    static Processes.Result ask(Path scratch, String input, Object... arguments)
            throws IOException, InterruptedException {
        prime(scratch);
        Path file = Files.writeString(scratch.resolve("standard-input"), input);
        return Processes.run(builder(Map.of(), arguments).redirectInput(file.toFile()), scratch);
    }

    /** The same with further variables in the environment. */
    static Processes.Result run(Map<String, String> environment, Path scratch, Object... arguments)
            throws IOException, InterruptedException {
        prime(scratch);
        return Processes.run(builder(environment, arguments), scratch);
    }

    /**
     * Runs what never ends by itself with {@code --timeout}, which is made longer until the guest
     * has come so far, however slow the host is; each time it must end by it.
     */
    static Processes.Result runLimited(
            Path scratch, Predicate<Processes.Result> farEnough, Object... arguments)
            throws IOException, InterruptedException {
        List<Object> all = new ArrayList<>(List.of(arguments));
        all.add("--timeout");
        for (long seconds = 1; ; seconds *= 2) {
            all.add(seconds);
            Processes.Result r = run(scratch, all.toArray());
            all.removeLast();
            assertThat(r.code()).as(r.err()).isEqualTo(124);
            if (farEnough.test(r)) {
                return r;
            }
            assertThat(seconds).as(r.out() + r.err()).isLessThan(HangGuard.limit().toSeconds());
        }
    }

    /** The first start makes the start-up cache and says so, which is not what tests look for. */
    private static void prime(Path scratch) throws IOException, InterruptedException {
        if (!primed) {
            primed = true;
            Processes.run(builder(Map.of(), "--help"), scratch);
        }
    }

    private static ProcessBuilder builder(Map<String, String> environment, Object... arguments) {
        List<String> command = new ArrayList<>();
        command.add(Distribution.HOME.resolve("bin/faultline").toString());
        for (Object a : arguments) {
            command.add(a.toString());
        }
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("FAULTLINE_JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("FAULTLINE_OPTS", "-XX:TieredStopAtLevel=1");
        builder.environment().putAll(environment);
        return builder;
    }

    /** The number behind a key of a JSON file that the program wrote, wherever it stands first. */
    static long number(Path json, String key) throws IOException {
        String s = Files.readString(json);
        java.util.regex.Matcher m =
                java.util.regex.Pattern.compile("\"" + key + "\"\\s*:\\s*(-?\\d+)").matcher(s);
        if (!m.find()) {
            throw new AssertionError("no number " + key + " in " + s);
        }
        return Long.parseLong(m.group(1));
    }
}
