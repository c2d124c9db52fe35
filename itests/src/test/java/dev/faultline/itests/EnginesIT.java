// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.testkit.HangGuard;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What one engine has begun, the other goes on with, from a snapshot of the middle of it. */
class EnginesIT {
    private static final int ROUNDS = 3;

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

    private Machine like(Path dir, String engine) throws Exception {
        MachineConfig c = snapshots.info(dir).config();
        return typed.service(MachineFactory.class)
                .create(
                        new MachineConfig(
                                engine, c.ramBytes(), 1, engine, c.faultStyle(), c.devices()));
    }

    private static String other(String engine) {
        return engine.equals("translator") ? "interpreter" : "translator";
    }

    /** Which instruction is next, and how many there were, is the same on both. */
    @ParameterizedTest
    @CsvSource({"translator, false", "interpreter, false", "translator, true"})
    void everyInstructionIsExecutedExactlyOnce(String first, boolean live) throws Exception {
        String engine = first;
        SnapshotInfo saved;
        try (Machine m = typed.machine("counted", engine, "coded", 16L << 20)) {
            m.boot(new MachineConfig.Boot(CountedLoop.longImage(scratch), List.of(), ""));
            m.start();
            HangGuard.until("the loop has begun", () -> CountedLoop.begun(m));
            typed.awaitProgress(m, "");
            saved = save(m, 0, live);
        }
        for (int i = 0; i < ROUNDS; i++) {
            engine = other(engine);
            Path dir = scratch.resolve("snap" + i);
            try (Machine m = like(dir, engine);
                    Restored r = snapshots.restore(dir, m, RestoreMode.LAZY)) {
                assertThat(m.engine()).isEqualTo(engine);
                long before = m.statistics().instructions();
                m.start();
                typed.awaitProgress(m, "on " + engine);
                saved = save(m, i + 1, live);
                m.pause("to look");
                assertThat(m.statistics().instructions()).isGreaterThan(before);
                CountedLoop.check(m);
            }
        }
        assertThat(saved.bytes()).isPositive();
    }

    private SnapshotInfo save(Machine m, int i, boolean live) throws Exception {
        if (!live) {
            m.pause("it is saved");
        }
        SaveOptions how =
                live
                        ? new SaveOptions(SaveOptions.Compression.LZ4, false, true, true)
                        : SaveOptions.DEFAULT;
        return snapshots.save(m, scratch.resolve("snap" + i), how, f -> {});
    }

    /** No interrupt, no device, no fault: nothing that would have it leave generated code. */
    @ParameterizedTest
    @ValueSource(strings = {"translator", "interpreter"})
    void aLoopWithoutEndShowsThatItGoesOn(String engine) throws Exception {
        try (Machine m = typed.machine("loop", engine, "coded", 16L << 20)) {
            m.boot(new MachineConfig.Boot(CountedLoop.longImage(scratch), List.of(), ""));
            m.start();
            HangGuard.until("the loop has begun", () -> CountedLoop.begun(m));
            for (int i = 0; i < 50; i++) {
                typed.awaitProgress(m, "at look " + i);
            }
        }
    }

    /** Saved while it works; each engine goes on with the other's snapshot. */
    @Test
    void linuxGoesOnUnderTheOtherEngine() throws Exception {
        List<String> files = LinuxIT.files(scratch);
        String script = LinuxIT.SCRIPT.replace("\\n", "");
        try (Machine m = typed.machine("linux", "translator", "coded", 128L << 20);
                GuestTalk talk = new GuestTalk(m)) {
            m.boot(
                    new MachineConfig.Boot(
                            Path.of(files.get(0)), List.of(Path.of(files.get(1))), LinuxIT.KERNEL));
            m.start();
            talk.await("faultline# ");
            talk.ask("while :; do gzip -c /bin/busybox | gunzip -c >/dev/null; done &", "# ");
            typed.awaitProgress(m, "at work");
            save(m, 0, false);
        }
        String engine = "translator";
        for (int i = 0; i < 2; i++) {
            engine = other(engine);
            Path dir = scratch.resolve("snap" + i);
            try (Machine m = like(dir, engine);
                    GuestTalk talk = new GuestTalk(m);
                    Restored r = snapshots.restore(dir, m, RestoreMode.LAZY)) {
                m.start();
                assertThat(talk.ask(script, "<end>").replace("\r", ""))
                        .as(engine)
                        .contains(LinuxIT.TRUTH);
                save(m, i + 1, false);
            }
        }
    }
}
