// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A Linux that works is saved live and goes on, in its machine and in every machine restored from
 * it. {@code bench/live-campaign.sh} does it at size.
 */
class LiveIT {
    private static final int SNAPSHOTS = 3;
    private static final long RAM = 192L << 20;

    private static final String FILES =
            "mkdir /tmp/set /tmp/w; for i in $(seq 1 20); do dd if=/dev/urandom of=/tmp/set/$i bs=997 count=$i; done"
                    + " 2>/dev/null; sha256sum /tmp/set/* >/tmp/sums;"
                    + " for i in $(seq 1 20000); do echo line $i of many; done >/tmp/big; sha256sum /tmp/big >/tmp/bigsum;"
                    + " set -- $(sha256sum /tmp/sums); echo \"<fi\"\"les $1>\"";
    private static final String LOAD =
            "while :; do rm -f /tmp/w/*; for i in $(seq 1 10); do seq $i 300 >/tmp/w/$i; done; cat /tmp/w/* >/tmp/w/all;"
                    + " gzip -c /tmp/w/all | gunzip -c | cmp - /tmp/w/all || echo \"<ba\"\"d>\";"
                    + " sha256sum /tmp/big | cmp - /tmp/bigsum || echo \"<ba\"\"d>\"; echo \"<ro\"\"und>\"; done &";
    private static final String ASK =
            "sha256sum -c /tmp/sums | grep -c OK$; set -- $(sha256sum /tmp/sums); echo \"<an\"\"swer $1>\";"
                    + " dmesg | grep -iE 'bug:|oops|segfault' ; echo \"<e\"\"nd>\"";

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

    @Test
    void aWorkingLinuxGoesOnAndSoDoesEachOfItsSnapshots() throws Exception {
        List<String> files = LinuxIT.files(scratch);
        String sum;
        MachineConfig config = new MachineConfig("live", RAM, 1, "interpreter", "coded", List.of());
        try (Machine m = typed.service(MachineFactory.class).create(config);
                GuestTalk talk = new GuestTalk(m)) {
            m.boot(
                    new MachineConfig.Boot(
                            Path.of(files.get(0)), List.of(Path.of(files.get(1))), LinuxIT.KERNEL));
            m.start();
            talk.await("faultline# ");
            sum = sum(talk.ask(FILES, "<files "), talk.await(">"));
            talk.ask(LOAD, "<round>");
            for (int i = 0; i < SNAPSHOTS; i++) {
                saveTwice(m, i);
                assertThat(talk.await("<round>")).doesNotContain("<bad>");
            }
            check(talk, sum);
        }
        for (int i = 0; i < SNAPSHOTS; i++) {
            goOn(live(i), sum);
        }
        for (int i = SNAPSHOTS - 1; i > 0; i--) {
            // Standing alone, it is what the save of the standing machine wrote.
            snapshots.compact(live(i), f -> {});
            assertThat(Files.mismatch(standing(i).resolve("pack-0"), live(i).resolve("pack-1")))
                    .isEqualTo(-1);
        }
    }

    private Path live(int i) {
        return scratch.resolve("live" + i);
    }

    private Path standing(int i) {
        return scratch.resolve("standing" + i);
    }

    /**
     * Standing and live, of one and the same moment; the guest works while the second is stored.
     */
    private void saveTwice(Machine m, int i) throws Exception {
        m.pause("it is saved twice");
        SnapshotInfo all = snapshots.save(m, standing(i), SaveOptions.DEFAULT, f -> {});
        AtomicBoolean started = new AtomicBoolean();
        SaveOptions how = new SaveOptions(Compression.LZ4, i > 0, true, true);
        SnapshotInfo live =
                snapshots.save(
                        m,
                        live(i),
                        how,
                        f -> {
                            if (!started.getAndSet(true)) {
                                m.start();
                            }
                        });
        System.out.printf(
                "Linux, %s: standing %,d bytes, stood %.1f ms; live %,d bytes, stood %.1f ms%n",
                i == 0 ? "first" : "next",
                all.bytes(),
                all.pauseNanos() / 1e6,
                live.bytes(),
                live.pauseNanos() / 1e6);
        if (i == 0) {
            for (String file : List.of("pack-0", "index-0")) {
                assertThat(Files.mismatch(standing(i).resolve(file), live(i).resolve(file)))
                        .isEqualTo(-1);
            }
        } else {
            assertThat(live.bytes()).isLessThan(all.bytes() / 2);
        }
    }

    private void goOn(Path dir, String sum) throws Exception {
        MachineConfig config = snapshots.info(dir).config();
        try (Machine m = typed.service(MachineFactory.class).create(config);
                GuestTalk talk = new GuestTalk(m);
                Restored r = snapshots.restore(dir, m, RestoreMode.LAZY)) {
            m.start();
            assertThat(talk.await("<round>")).doesNotContain("<bad>");
            check(talk, sum);
            assertThat(r.failure()).isNull();
        }
    }

    private static void check(GuestTalk talk, String sum) throws Exception {
        String answer = talk.ask(ASK, "<end>").replace("\r", "");
        assertThat(answer)
                .contains("\n20\n")
                .contains("<answer " + sum + ">")
                .doesNotContain("<bad>");
        assertThat(answer.substring(answer.lastIndexOf("<answer")))
                .doesNotContainPattern("(?i)bug:|oops|segfault");
    }

    private static String sum(String before, String rest) {
        Matcher m = Pattern.compile("[0-9a-f]{64}").matcher(rest);
        assertThat(m.find()).as(before + rest).isTrue();
        return m.group();
    }
}
