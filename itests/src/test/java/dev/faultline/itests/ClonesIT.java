// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * Ten Linux guests of one snapshot in one process. Skipped where the kernel's package cannot be
 * had.
 */
class ClonesIT {
    /**
     * Says that it is ready, and then once a second that it waits, until a line comes: a guest that
     * is restored says nothing that it has said before.
     */
    private static final String WAIT =
            "faultline# =echo rea''dy; while ! read -t 1 x; do echo wai''ting; done\\n";

    private static final String WORK = "waiting=\\n" + LinuxIT.SCRIPT;
    private static final long MOST_OWN_WHEN_IDLE = 1 << 20;

    @TempDir Path scratch;

    @Test
    @EnabledOnOs(OS.LINUX) // other systems do not tell what is private
    void tenClonesAnswerAsTheOriginalAndShareWhatTheyDoNotWrite() throws Exception {
        Path snapshot = scratch.resolve("snapshot");
        boot(snapshot);
        Map<String, String> files = hashes(snapshot);

        Path one = scratch.resolve("one");
        run("restore", snapshot, "--mode", "eager", "--serial", "file:" + one);
        String truth = answers(one);
        assertThat(truth).contains(LinuxIT.TRUTH);

        Path json = scratch.resolve("clones.json");
        Path numbered = scratch.resolve("clone-%d");
        run("restore", snapshot, "--clones", 10, "--serial", "file:" + numbered, "--json", json);
        for (int i = 1; i <= 10; i++) {
            assertThat(answers(scratch.resolve("clone-" + i))).as("clone %d", i).isEqualTo(truth);
        }
        assertThat(own(json)).hasSize(10);

        Path idle = scratch.resolve("idle.json");
        Processes.Result r =
                Program.run(
                        scratch, "restore", snapshot, "--clones", 10, "--serial", "none",
                        "--timeout", 8, "--json", idle);
        assertThat(r.code()).as(r.err()).isEqualTo(124);
        System.out.printf(
                "10 idle clones: shared %,d bytes, own %s%n",
                Program.number(idle, "sharedBytes"), own(idle));
        // They ran: each has written something. And most of what they use is not their own.
        assertThat(own(idle)).hasSize(10).allMatch(n -> n > 4096 && n < MOST_OWN_WHEN_IDLE);
        assertThat(Program.number(idle, "sharedBytes")).isGreaterThan(4 * MOST_OWN_WHEN_IDLE);

        assertThat(hashes(snapshot)).isEqualTo(files);
        Processes.Result verified = Program.run(scratch, "snapshot", "verify", snapshot);
        assertThat(verified.code()).as(verified.err()).isZero();
    }

    private void boot(Path snapshot) throws Exception {
        List<String> linux = LinuxIT.files(scratch);
        Processes.Result r =
                Program.run(
                        scratch,
                        "run",
                        linux.get(0),
                        "--initrd",
                        linux.get(1),
                        "--append",
                        "console=ttyS0 quiet panic=-1 rdinit=/init",
                        "--memory",
                        "128M",
                        "--serial",
                        "none",
                        "--input-when",
                        WAIT,
                        "--snapshot-when",
                        "ready",
                        "--snapshot-to",
                        snapshot,
                        "--stop-when",
                        "ready",
                        "--timeout",
                        "170");
        assertThat(r.code()).as(r.err()).isZero();
    }

    private void run(Object... arguments) throws Exception {
        List<Object> all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of("--input-when", WORK, "--stop-when", "<end>", "--timeout", "170"));
        Processes.Result r = Program.run(scratch, all.toArray());
        assertThat(r.code()).as(r.err()).isZero();
    }

    private static String answers(Path serial) throws IOException {
        String out = Files.readString(serial, StandardCharsets.ISO_8859_1).replace("\r", "");
        assertThat(out).contains("Linux x86_64", "<end>");
        return out.substring(out.lastIndexOf("Linux x86_64"), out.lastIndexOf("<end>"));
    }

    private static List<Long> own(Path json) throws IOException {
        Matcher m =
                Pattern.compile("\"privateBytes\" : (\\d+)").matcher(Files.readString(json));
        return m.results().map(x -> Long.parseLong(x.group(1))).toList();
    }

    private static Map<String, String> hashes(Path dir) throws Exception {
        Map<String, String> out = new TreeMap<>();
        try (Stream<Path> s = Files.list(dir)) {
            for (Path p : s.toList()) {
                byte[] sha = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(p));
                out.put(p.getFileName().toString(), HexFormat.of().formatHex(sha));
            }
        }
        return out;
    }
}
