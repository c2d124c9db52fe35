// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.snapshot.CloneBase;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.testkit.HangGuard;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Linux on several processors: it works on all of them, locked instructions lose nothing, it is
 * saved standing, live and incrementally in the midst of work, and powers off; so does each machine
 * restored from it. Takes minutes: run by {@code bench/smp-campaign.sh}; two processors are tried
 * by {@link LinuxIT} each time.
 */
@EnabledIfSystemProperty(named = "faultline.smp.vcpus", matches = "[0-9,]+")
class SmpIT {
    private static final long RAM = 192L << 20;

    /** Given by the campaign. */
    private static final int ROUNDS = Integer.getInteger("faultline.smp.rounds", 200);

    /** A worker for each processor, told by its number; each round is checked. */
    private static final String LOAD =
            "seq 1 2000 | sha256sum >/tmp/sum; n=0; while [ $n -lt $(nproc) ]; do n=$((n+1)); (i=0; while :; do"
                    + " i=$((i+1)); seq 1 2000 | gzip -c | gunzip -c | sha256sum | cmp -s - /tmp/sum || echo \"<ba\"\"d>\";"
                    + " echo $i >/tmp/r.$n; mv /tmp/r.$n /tmp/round.$n; echo \"<ro\"\"und>\"; done) & done; wait";

    /** Every worker gets on: two more rounds of each. */
    private static final String ASK =
            "while [ $(ls /tmp | grep -c round) -lt $(nproc) ]; do :; done; for f in /tmp/round.*; do a=$(cat $f);"
                    + " while [ $(cat $f) -lt $((a+2)) ]; do :; done; echo \"<o\"\"n>\"; done; echo processors=$(nproc);"
                    + " dmesg | grep -E 'BUG:|Oops|segfault|lockup|stuck'; echo \"<e\"\"nd>\"";

    @TempDir Path scratch;
    private Typed typed;
    private SnapshotService snapshots;

    @BeforeEach
    void boot() throws Exception {
        typed = new Typed();
        snapshots = typed.service(SnapshotService.class);
    }

    @AfterEach
    void stop() {
        typed.close();
    }

    static int[] processors() {
        String given = System.getProperty("faultline.smp.vcpus", "4");
        return List.of(given.split(",")).stream().mapToInt(Integer::parseInt).toArray();
    }

    @ParameterizedTest
    @MethodSource("processors")
    void linuxWorksIsSavedAndPowersOff(int vcpus) throws Exception {
        List<String> files = LinuxIT.files(scratch);
        Optional<Path> atomics = atomics(Path.of(files.get(1)));
        Path initrd = atomics.orElse(Path.of(files.get(1)));
        MachineConfig config =
                new MachineConfig("smp", RAM, vcpus, "interpreter", "coded", List.of());
        Path standing = scratch.resolve("standing");
        Path live = scratch.resolve("live");
        Path next = scratch.resolve("next");
        try (Machine m = typed.service(MachineFactory.class).create(config);
                GuestTalk talk = new GuestTalk(m)) {
            m.boot(new MachineConfig.Boot(Path.of(files.get(0)), List.of(initrd), LinuxIT.KERNEL));
            m.start();
            talk.await("faultline# ");
            assertThat(talk.ask("nproc; echo \"<e\"\"nd>\"", "<end>").replace("\r", ""))
                    .contains("\n" + vcpus + "\n");
            if (atomics.isPresent()) {
                atomics(talk, vcpus);
            }
            talk.ask("(" + LOAD + ") &", "<round>");
            m.pause("it is saved");
            snapshots.save(m, standing, SaveOptions.DEFAULT, f -> {});
            m.start();
            assertThat(talk.await("<round>")).doesNotContain("<bad>");
            snapshots.save(m, live, new SaveOptions(Compression.LZ4, false, true, true), f -> {});
            assertThat(talk.await("<round>")).doesNotContain("<bad>");
            snapshots.save(m, next, new SaveOptions(Compression.LZ4, true, true, true), f -> {});
            check(talk, vcpus);
            powersOff(m, talk);
        }
        goesOn(standing, RestoreMode.EAGER, vcpus);
        goesOn(next, RestoreMode.LAZY, vcpus);
        clones(next, vcpus);
    }

    private void goesOn(Path dir, RestoreMode mode, int vcpus) throws Exception {
        MachineConfig config = snapshots.info(dir).config();
        assertThat(config.vcpus()).isEqualTo(vcpus);
        try (Machine m = typed.service(MachineFactory.class).create(config);
                GuestTalk talk = new GuestTalk(m);
                Restored r = snapshots.restore(dir, m, mode)) {
            m.start();
            check(talk, vcpus);
            assertThat(r.failure()).isNull();
            powersOff(m, talk);
        }
    }

    private void clones(Path dir, int vcpus) throws Exception {
        MachineFactory machines = typed.service(MachineFactory.class);
        try (CloneBase base = snapshots.clones(dir, RestoreMode.LAZY);
                CloneBase.Clone a = base.create(machines, "a");
                CloneBase.Clone b = base.create(machines, "b");
                GuestTalk first = new GuestTalk(a.machine());
                GuestTalk second = new GuestTalk(b.machine())) {
            a.machine().start();
            b.machine().start();
            check(first, vcpus);
            check(second, vcpus);
            assertThat(a.failure()).isNull();
            assertThat(b.failure()).isNull();
        }
    }

    private static void check(GuestTalk talk, int vcpus) throws Exception {
        talk.await("<round>");
        String answer = talk.ask(ASK, "<end>").replace("\r", "");
        assertThat(answer).doesNotContain("<bad>");
        assertThat(answer.split("<on>", -1)).as(answer).hasSize(vcpus + 1);
        assertThat(answer.substring(answer.lastIndexOf("<on>")))
                .contains("processors=" + vcpus)
                .doesNotContainPattern("BUG:|Oops|segfault|lockup|stuck");
    }

    private static void powersOff(Machine m, GuestTalk talk) throws Exception {
        m.serial().send("poweroff -f\n".getBytes(StandardCharsets.US_ASCII));
        VcpuExit exit = HangGuard.await(m);
        assertThat(exit).isInstanceOf(VcpuExit.PoweredOff.class);
    }

    // ---- locked instructions

    private static void atomics(GuestTalk talk, int vcpus) throws Exception {
        String said =
                talk.ask("/atomics " + vcpus + " " + ROUNDS + "; echo \"<e\"\"nd>\"", "<end>");
        assertThat(said).doesNotContain("LOST");
        assertThat(said.lines().filter(l -> l.strip().endsWith(" ok"))).as(said).hasSize(11);
    }

    /** An initramfs with the program besides; empty where there is no compiler for it. */
    private Optional<Path> atomics(Path initramfs) throws Exception {
        Path source = scratch.resolve("atomics.c");
        Path program = scratch.resolve("atomics");
        try (var in = SmpIT.class.getResourceAsStream("/smp/atomics.c")) {
            Files.copy(in, source);
        }
        List<String> compile =
                List.of(
                        "gcc",
                        "-O1",
                        "-static",
                        "-pthread",
                        "-mcx16",
                        "-o",
                        program.toString(),
                        source.toString());
        try {
            Process p =
                    new ProcessBuilder(compile)
                            .redirectErrorStream(true)
                            .redirectOutput(scratch.resolve("gcc.log").toFile())
                            .start();
            if (p.waitFor() != 0) {
                System.out.println("SmpIT: gcc makes no static program; locked accesses not tried");
                return Optional.empty();
            }
        } catch (IOException e) {
            System.out.println("SmpIT: no gcc; locked accesses not tried in a guest");
            return Optional.empty();
        }
        Path initrd = scratch.resolve("atomics.cpio");
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(Files.readAllBytes(initramfs));
        pad(out);
        entry(out, "atomics", 0100755, Files.readAllBytes(program));
        entry(out, "TRAILER!!!", 0, new byte[0]);
        Files.write(initrd, out.toByteArray());
        return Optional.of(initrd);
    }

    /** In the format "newc" of cpio(5). */
    private static void entry(ByteArrayOutputStream out, String name, int mode, byte[] data)
            throws IOException {
        int[] fields = {1, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length() + 1, 0};
        out.write("070701".getBytes(StandardCharsets.US_ASCII));
        for (int field : fields) {
            out.write("%08X".formatted(field).getBytes(StandardCharsets.US_ASCII));
        }
        out.write((name + "\0").getBytes(StandardCharsets.US_ASCII));
        pad(out);
        out.write(data);
        pad(out);
    }

    private static void pad(ByteArrayOutputStream out) {
        while ((out.size() & 3) != 0) {
            out.write(0);
        }
    }
}
