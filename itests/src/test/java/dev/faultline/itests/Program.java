// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** {@code bin/faultline} of the distribution under test, and the guests it is given. */
final class Program {
    private static final Path SOURCES = Path.of(System.getProperty("faultline.sources", ".."));

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
        List<String> command = new ArrayList<>();
        command.add(Distribution.HOME.resolve("bin/faultline").toString());
        for (Object a : arguments) {
            command.add(a.toString());
        }
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("FAULTLINE_JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("FAULTLINE_AOT", "off");
        return Processes.run(builder, scratch);
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
