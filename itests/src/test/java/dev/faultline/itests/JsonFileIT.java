// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code --json FILE}: there after every end, with the exit code and with the error if any. */
class JsonFileIT {
    private static final Pattern EXIT =
            Pattern.compile(
                    "\"exit\"\\s*:\\s*\\{\\s*\"code\"\\s*:\\s*(\\d+),\\s*\"reason\"\\s*:\\s*\"(.*)\"");
    private static final Pattern ERROR = Pattern.compile("\n  \"error\"\\s*:\\s*\"(.*)\"");

    @TempDir Path scratch;

    @Test
    void ofAGuestThatEndsItselfItHasWhatTheProcessExitsWith() throws Exception {
        String s = ends(1, "run", Program.guest("hello"));

        assertThat(s).doesNotContain("\"error\"").containsPattern("\"instructions\"\\s*:");
    }

    @ParameterizedTest
    @ValueSource(ints = {63, 127})
    void aGuestsOwnCodeIsOdd(int value) throws Exception {
        Object input = "READY=exit " + value + "\\n";

        ends(
                value << 1 | 1,
                "run",
                Program.keyed(),
                "--memory",
                "16M",
                "--append",
                "keys=100",
                "--input-when",
                input);
    }

    @Test
    void ofACrashItSaysWhere() throws Exception {
        String s = ends(6, "run", Program.guest("triple"), "--append", "idt", "--on-reset", "stop");

        assertThat(s).contains("triple fault at cs:rip").contains("\"registers\"", "rip ");
    }

    @Test
    void ofATimeOut() throws Exception {
        ends(124, "run", Program.guest("hostile"), "--append", "hang", "--timeout", "1");
    }

    @Test
    void ofWrongUsage() throws Exception {
        assertThat(fails(2, "run", Program.keyed(), "--memory", "lots")).contains("--memory");
        assertThat(fails(2, "run")).contains("IMAGE");
        assertThat(fails(2, "run", Program.keyed(), "--timeout", "-1")).contains("--timeout");
        assertThat(fails(2, "snapshot", "show")).contains("DIR");
        assertThat(fails(2, "restore", "x", "--mode", "sideways")).contains("mode");
        assertThat(fails(2, "no-such-command")).contains("no-such-command");
        assertThat(fails(2, "demo", "--kernel", "k")).contains("--linux");
    }

    @Test
    void ofAnErrorOfOurs() throws Exception {
        Path missing = scratch.resolve("missing");

        assertThat(fails(4, "run", missing)).contains("missing");
        assertThat(fails(4, "run", scratch)).contains("directory");
        assertThat(fails(4, "restore", missing)).contains("missing");
        assertThat(fails(4, "restore", missing, "--clones", "2")).contains("missing");
        assertThat(fails(4, "demo", "--linux", "--kernel", missing, "--busybox", missing))
                .contains("missing");
        for (String what : List.of("show", "verify", "compact", "delete")) {
            assertThat(fails(4, "snapshot", what, missing)).as(what).contains("missing");
        }
    }

    /** What was there before is not taken for this run's. */
    @Test
    void anErrorReplacesAnOlderFile() throws Exception {
        Path json = Files.writeString(scratch.resolve("facts.json"), "{\"exit\": \"old\"}");

        assertThat(fails(4, "run", scratch.resolve("missing"))).contains("missing");

        assertThat(json).content().doesNotContain("old");
    }

    @Test
    void ofACommandThatOnlyLooks() throws Exception {
        String s = ends(0, "snapshot", "list", Files.createDirectory(scratch.resolve("empty")));

        assertThat(s).contains("\"snapshots\"");
    }

    @Test
    void oneThatCannotBeWrittenIsAnErrorOfOurs() throws Exception {
        Path nowhere = scratch.resolve("no").resolve("where.json");

        Processes.Result list =
                Program.run(scratch, "snapshot", "list", scratch, "--json", nowhere);
        Processes.Result crash =
                Program.run(
                        scratch,
                        "run",
                        Program.guest("triple"),
                        "--append",
                        "idt",
                        "--on-reset",
                        "stop",
                        "--json",
                        nowhere);

        assertThat(list.code()).as(list.err()).isEqualTo(4);
        assertThat(list.err()).contains("--json").contains("where.json");
        assertThat(crash.code()).as("the guest's end goes before").isEqualTo(6);
        assertThat(crash.err()).contains("where.json");
    }

    /** The error in the file is the line on standard error. */
    private String fails(int code, Object... arguments) throws Exception {
        String s = ends(code, arguments);
        Matcher m = ERROR.matcher(s);
        assertThat(m.find()).as(s).isTrue();
        assertThat(Files.readString(scratch.resolve("standard-error")))
                .contains("faultline: " + m.group(1).replace("\\\"", "\""));
        return m.group(1);
    }

    private String ends(int code, Object... arguments) throws Exception {
        Path json = scratch.resolve("facts.json");
        List<Object> all = new ArrayList<>(List.of(arguments));
        all.add("--json");
        all.add(json);
        Processes.Result r = Program.run(scratch, all.toArray());
        assertThat(r.code()).as(r.err()).isEqualTo(code);
        String s = Files.readString(json);
        Matcher m = EXIT.matcher(s);
        assertThat(m.find()).as(s).isTrue();
        assertThat(m.group(1)).isEqualTo(String.valueOf(code));
        return s;
    }
}
