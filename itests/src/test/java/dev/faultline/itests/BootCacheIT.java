// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.testkit.HangGuard;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Boots that are stored and resumed by the shipped program, as it is configured. */
class BootCacheIT {
    /** Exit code of a guest that is told {@code exit 3}. */
    private static final int ENDED = 3 << 1 | 1;

    /** A new value, which only this machine has, and the end. */
    private static final String INPUT = "put 7 0xdeadbeef\\nget 7\\nexit 3\\n";

    private static final String ANSWER = "7 176 ok efbeadde0000000043a4f521847019f6";

    /**
     * Looks at the receiver, without interrupts, until something comes, says it and ends.
     *
     * <pre>
     *       mov dx, 0x3f8 / mov al, '&gt;' / out dx, al
     * poll: mov dx, 0x3fd / in al, dx / test al, 1 / jz poll
     *       mov dx, 0x3f8 / in al, dx / out dx, al / mov al, 3 / out 0xf4, al
     * </pre>
     */
    private static final String POLLS = "baf803b03eee" + "bafd03eca80174f8" + "baf803eceeb003e6f4";

    @TempDir static Path installed;
    private static Path home;

    @TempDir Path scratch;
    private Path boots;

    /** One of our own: its configuration is the tests'. */
    @BeforeAll
    static void install() throws IOException {
        home = installed.resolve("faultline");
        try (Stream<Path> tree = Files.walk(Distribution.HOME)) {
            for (Path path : tree.toList()) {
                Path target = home.resolve(Distribution.HOME.relativize(path).toString());
                Files.copy(path, target);
                assertThat(target.toFile().setExecutable(Files.isExecutable(path))).isTrue();
            }
        }
    }

    /** The patience is longer than any host is slow. */
    @BeforeEach
    void configure() throws IOException {
        boots = scratch.resolve("boots");
        Files.writeString(
                home.resolve("etc/dev.faultline.shell.bootcache.cfg"),
                "directory=%s\npatience=1000000\n".formatted(boots));
    }

    private ProcessBuilder command(Object... arguments) {
        List<String> all = new ArrayList<>();
        all.add(home.resolve("bin/faultline").toString());
        for (Object a : arguments) {
            all.add(a.toString());
        }
        ProcessBuilder b = new ProcessBuilder(all);
        b.environment().put("FAULTLINE_JAVA_HOME", System.getProperty("java.home"));
        b.environment().put("FAULTLINE_OPTS", "-XX:TieredStopAtLevel=1");
        b.environment().put("FAULTLINE_AOT", "off");
        return b;
    }

    private Processes.Result run(Object... arguments) throws Exception {
        return Processes.run(command(arguments), scratch);
    }

    private Object[] keyed(String append, Object... more) {
        List<Object> all =
                new ArrayList<>(
                        List.of("run", Program.keyed(), "--memory", "16M", "--append", append));
        all.addAll(List.of("--input", INPUT));
        all.addAll(List.of(more));
        return all.toArray();
    }

    private static void isStored(Processes.Result r) {
        assertThat(r.code()).as(r.err()).isEqualTo(ENDED);
        assertThat(r.err()).contains("boot cache: stored").doesNotContain("resumed");
    }

    private static void isResumed(Processes.Result r) {
        assertThat(r.code()).as(r.err()).isEqualTo(ENDED);
        assertThat(r.err()).contains("boot cache: resumed").doesNotContain("stored, ");
    }

    private Path entry() throws IOException {
        try (Stream<Path> s = Files.list(boots)) {
            return s.filter(Files::isDirectory).findFirst().orElseThrow();
        }
    }

    @Test
    void theNextStartOfTheSameGoesOnWhereTheFirstOneWaited() throws Exception {
        Path module = Files.writeString(scratch.resolve("module"), "one");
        Path json = scratch.resolve("json");
        Object[] same = keyed("keys=2000", "--initrd", module, "--boot-cache", "--json", json);
        Processes.Result first = run(same);
        isStored(first);
        assertThat(first.out()).contains("READY keys=2000", ANSWER);
        long booted = Program.number(json, "instructions");

        Processes.Result next = run(same);
        isResumed(next);
        // What the first one was told after it was stored is not in it.
        assertThat(next.out()).isEqualTo(first.out());
        assertThat(json)
                .content()
                .containsPattern("\"hit\"\\s*:\\s*true")
                .containsPattern("\"mode\"\\s*:\\s*\"lazy\"");
        assertThat(Program.number(json, "instructions")).isGreaterThan(booted / 2);

        isStored(run(keyed("keys=2001", "--initrd", module, "--boot-cache")));
        Files.writeString(module, "two");
        isStored(run(same));

        assertThat(run("boot-cache", "list", "--json", json).out())
                .contains("keys=2001", "at most 4.0 GiB");
        assertThat(Program.number(json, "limitBytes")).isEqualTo(4L << 30);
        assertThat(run("boot-cache", "clear", "--json", json).out()).contains("removed 3");
        assertThat(Program.number(json, "removed")).isEqualTo(3);
        assertThat(run("boot-cache", "list").err()).contains("no boots are stored");
    }

    @Test
    void aDamagedEntryIsToldAndTheGuestBoots() throws Exception {
        Object[] same = keyed("keys=2000", "--boot-cache");
        Processes.Result first = run(same);
        isStored(first);
        Path pack = entry().resolve("snapshot/pack-0");
        try (RandomAccessFile f = new RandomAccessFile(pack.toFile(), "rw")) {
            f.seek(f.length() / 2);
            int b = f.read();
            f.seek(f.length() / 2);
            f.write(b ^ 0x10);
        }

        Processes.Result next = run(same);

        assertThat(next.err())
                .contains(
                        "the entry of this boot is damaged (snapshot/pack-0 is not what was stored")
                .contains("removed");
        isStored(next);
        assertThat(next.out()).isEqualTo(first.out());
        isResumed(run(same));
    }

    @Test
    void twoThatStoreTheSameAtOnceBothRun() throws Exception {
        List<Process> both = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            both.add(
                    command(keyed("keys=2000", "--boot-cache"))
                            .redirectOutput(scratch.resolve("out" + i).toFile())
                            .redirectError(scratch.resolve("err" + i).toFile())
                            .start());
        }
        for (int i = 0; i < 2; i++) {
            String err = "err" + i;
            assertThat(HangGuard.join(both.get(i)))
                    .as(() -> text(scratch.resolve(err)))
                    .isEqualTo(ENDED);
            assertThat(text(scratch.resolve("out" + i))).contains(ANSWER);
        }
        isResumed(run(keyed("keys=2000", "--boot-cache")));
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return e.toString();
        }
    }

    private Path image(String hex) throws IOException {
        return Files.write(scratch.resolve("guest.bin"), HexFormat.of().parseHex(hex));
    }

    @Test
    void aGuestThatPollsWaitsAndOneThatPowersOffDoesNot() throws Exception {
        Path polls = image(POLLS);
        Object[] same = {"run", polls, "--memory", "8M", "--boot-cache", "--input", "x"};
        Processes.Result first = run(same);
        isStored(first);
        assertThat(first.out()).isEqualTo(">x");
        Processes.Result next = run(same);
        isResumed(next);
        assertThat(next.out()).isEqualTo(">x");

        Processes.Result off = run("run", image("f4"), "--memory", "8M", "--boot-cache");
        assertThat(off.code()).as(off.err()).isZero();
        assertThat(off.err()).contains("nothing was stored: the guest never waited for input");
    }

    @Test
    void aTextSaysWhenAndTheConfigurationWhether() throws Exception {
        Path polls = image(POLLS);
        Object[] same = {"run", polls, "--memory", "8M", "--boot-cache-when", ">", "--input", "x"};
        isStored(run(same));
        isResumed(run(same));

        Files.writeString(
                home.resolve("etc/dev.faultline.shell.bootcache.cfg"),
                "directory=%s\nenabled=true\nlimit=0\n".formatted(boots));
        Processes.Result configured = run("run", polls, "--memory", "8M", "--input", "x");
        isStored(configured); // when it waits, which is another key
        assertThat(configured.err()).contains("limit=0: expected a whole number from 1");
        Processes.Result without =
                run("run", polls, "--memory", "8M", "--input", "x", "--no-boot-cache");
        assertThat(without.code()).isEqualTo(ENDED);
        assertThat(without.err()).doesNotContain("boot cache:");
    }

    @Test
    void whatDoesNotGoTogetherIsTold() throws Exception {
        Path polls = image(POLLS);
        Processes.Result r = run("run", polls, "--no-boot-cache", "--boot-cache-when", "login: ");
        assertThat(r.code()).isEqualTo(2);
        assertThat(r.err()).contains("--boot-cache-when 'login: '", "leave one of them out");
        Processes.Result incremental =
                run(
                        "run",
                        polls,
                        "--boot-cache",
                        "--snapshot-incremental",
                        "--snapshot-when",
                        "x",
                        "--snapshot-to",
                        scratch.resolve("s"));
        assertThat(incremental.code()).isEqualTo(2);
        assertThat(incremental.err()).contains("--snapshot-incremental would refer to an entry");
        assertThat(run("boot-cache").code()).isEqualTo(2);
    }
}
