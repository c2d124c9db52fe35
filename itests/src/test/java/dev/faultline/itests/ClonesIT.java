// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.snapshot.CloneBase;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineFactory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
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
 * Many guests of one snapshot in one process. The Linux ones are skipped where the kernel's package
 * cannot be had.
 */
class ClonesIT {
    /**
     * Says that it is ready, and then once a second that it waits, until a line comes: a guest that
     * is restored says nothing that it has said before.
     */
    private static final String WAIT =
            "faultline# =echo rea''dy; while ! read -t 1 x; do echo wai''ting; done\\n";

    private static final String WORK = "waiting=\\n" + LinuxIT.SCRIPT;
    private static final String TEN_KEYS = "count=10 bad=0 total=a9de345a5fd86e62";
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
                        Program.COMPILED,
                        scratch,
                        "restore",
                        snapshot,
                        "--clones",
                        10,
                        "--serial",
                        "none",
                        "--stop-when",
                        "waiting\\r\\nwaiting",
                        "--json",
                        idle);
        assertThat(r.code()).as(r.err()).isZero();
        System.out.printf(
                "10 idle clones: shared %,d bytes, own %s%n",
                Program.number(idle, "sharedBytes"), own(idle));
        // They ran: each has written something. And most of what they use is not their own.
        assertThat(own(idle)).hasSize(10).allMatch(n -> n > 4096 && n < MOST_OWN_WHEN_IDLE);
        assertThat(Program.number(idle, "sharedBytes"))
                .isGreaterThan(2 * Collections.max(own(idle)));

        assertThat(hashes(snapshot)).isEqualTo(files);
        Processes.Result verified = Program.run(scratch, "snapshot", "verify", snapshot);
        assertThat(verified.code()).as(verified.err()).isZero();
    }

    /**
     * Pages come, and further clones are made, with the platform gone that the first ones are on.
     */
    @Test
    @EnabledOnOs(OS.LINUX)
    void clonesOutliveTheirPlatformsBundle() throws Exception {
        Path dir = scratch.resolve("keyed");
        try (Typed typed = new Typed()) {
            SnapshotService snapshots = typed.service(SnapshotService.class);
            try (Machine m = typed.keyed("original", "interpreter", "coded");
                    GuestTalk talk = new GuestTalk(m)) {
                m.start();
                talk.await("checksum=");
                talk.await("\n");
                snapshots.save(m, dir, x -> {});
            }
            try (CloneBase base = snapshots.clones(dir, RestoreMode.LAZY);
                    CloneBase.Clone a = base.create(typed.service(MachineFactory.class), "a");
                    GuestTalk first = new GuestTalk(a.machine())) {
                a.machine().start();
                assertThat(first.ask("sum 0 9", "\n")).contains(TEN_KEYS);
                long loaded = base.pagesLoaded();

                String platform = "dev.faultline.platform.posix";
                typed.bundle(platform).update();
                typed.refresh(platform);

                assertThat(typed.service(SnapshotService.class)).isSameAs(snapshots);
                assertThat(first.ask("sum 0 9999", "\n")).contains("count=10000 bad=0");
                assertThat(base.pagesLoaded()).isGreaterThan(loaded);
                try (CloneBase.Clone b = base.create(typed.service(MachineFactory.class), "b");
                        GuestTalk second = new GuestTalk(b.machine())) {
                    b.machine().start();
                    assertThat(second.ask("sum 0 9", "\n")).contains(TEN_KEYS);
                    assertThat(b.privateBytes()).isPositive();
                }
                assertThat(a.failure()).isNull();
            }
        }
    }

    private void boot(Path snapshot) throws Exception {
        List<String> linux = LinuxIT.files(scratch);
        Processes.Result r =
                Program.run(
                        Program.COMPILED,
                        scratch,
                        "run",
                        linux.get(0),
                        "--initrd",
                        linux.get(1),
                        "--append",
                        LinuxIT.KERNEL,
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
                        "ready");
        assertThat(r.code()).as(r.err()).isZero();
    }

    private void run(Object... arguments) throws Exception {
        List<Object> all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of("--input-when", WORK, "--stop-when", "<end>"));
        Processes.Result r = Program.run(Program.COMPILED, scratch, all.toArray());
        assertThat(r.code()).as(r.err()).isZero();
    }

    private static String answers(Path serial) throws IOException {
        String out = Files.readString(serial, StandardCharsets.ISO_8859_1).replace("\r", "");
        assertThat(out).contains("Linux x86_64", "<end>");
        return out.substring(out.lastIndexOf("Linux x86_64"), out.lastIndexOf("<end>"));
    }

    private static List<Long> own(Path json) throws IOException {
        Matcher m = Pattern.compile("\"privateBytes\" : (\\d+)").matcher(Files.readString(json));
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
