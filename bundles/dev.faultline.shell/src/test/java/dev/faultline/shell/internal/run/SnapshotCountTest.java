// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineStatistics;
import dev.faultline.api.vm.SerialConsole;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.shell.internal.cli.ExitCode;
import dev.faultline.shell.internal.cli.Report;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.Stop;
import dev.faultline.testkit.StubMachine;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What becomes of the texts of {@code --snapshot-when}; the test is the guest. */
class SnapshotCountTest {
    private static final MachineConfig CONFIG =
            new MachineConfig("g", 1 << 20, 1, "", "", List.of());

    @TempDir Path scratch;
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private final Report report = new Report();
    private final Deque<String> whenAwaited = new ArrayDeque<>();
    private final Deque<String> whileSaving = new ArrayDeque<>();
    private Consumer<byte[]> listener;

    private static <T> T proxy(Class<T> type, InvocationHandler h) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, h));
    }

    private void sent(String text) {
        if (text != null) {
            listener.accept(text.getBytes(StandardCharsets.US_ASCII));
        }
    }

    /** Of a guest that sends what the test says when it is awaited. */
    private final class Guest extends StubMachine {
        @Override
        public SerialConsole serial() {
            return new Serial();
        }

        @Override
        public MachineConfig config() {
            return CONFIG;
        }

        @Override
        public String engine() {
            return "none";
        }

        @Override
        public String faultStyle() {
            return "none";
        }

        @Override
        public MachineStatistics statistics() {
            return new MachineStatistics(0, 0, Map.of(), Map.of(), 0, 0, 0);
        }

        @Override
        public void onFirstInstruction(Runnable action) {}

        @Override
        public void start() {}

        @Override
        public void pause(String reason) {}

        @Override
        public void close() {}

        @Override
        public VcpuExit await(Duration limit) {
            if (whenAwaited.isEmpty()) {
                return new VcpuExit.PoweredOff("test");
            }
            sent(whenAwaited.remove());
            return null;
        }
    }

    private final class Serial implements SerialConsole {
        @Override
        public long bytesSent() {
            return 0;
        }

        @Override
        public void addListener(Consumer<byte[]> added) {
            listener = added;
        }

        @Override
        public void removeListener(Consumer<byte[]> removed) {}

        @Override
        public InputWait inputWait() {
            throw new AssertionError("SerialConsole.inputWait");
        }

        @Override
        public void send(byte[] bytes) {
            throw new AssertionError("SerialConsole.send");
        }
    }

    private SnapshotInfo save(Path to) {
        sent(whileSaving.poll());
        return new SnapshotInfo(
                to, "0".repeat(64), null, Instant.EPOCH, CONFIG, 1, 256, 0, false, 1, 1);
    }

    /** Runs the guest; what the command has said on standard error. */
    private String run(int count) throws Exception {
        RunOptions o = new RunOptions();
        o.serial = "none";
        o.protect = "none";
        o.snapshotWhen = "save me";
        o.snapshotTo = scratch;
        o.snapshotCount = count;
        SnapshotService snapshots =
                proxy(
                        SnapshotService.class,
                        (p, m, args) -> {
                            assertThat(m.getName()).isEqualTo("save");
                            return save((Path) args[1]);
                        });
        PrintStream to = new PrintStream(err, true, StandardCharsets.UTF_8);
        Services s = new Services(null, snapshots, null, null, null, to, to, report, new Stop());
        try (RunSession run = new RunSession(s, new Guest(), o)) {
            run.open();
            assertThat(run.run(null)).isEqualTo(ExitCode.DONE);
        }
        return err.toString(StandardCharsets.UTF_8);
    }

    private String json() throws Exception {
        Path file = scratch.resolve("json");
        report.write(file, 0, null);
        return Files.readString(file).replaceAll("\\s", "");
    }

    /** The first while a save goes on is kept for the next save, what comes then has no place. */
    @ParameterizedTest
    @CsvSource({"1, 0", "2, 1", "3, 2"})
    void whatComesWhileASaveGoesOnIsCountedAndTold(int meanwhile, int skipped) throws Exception {
        whenAwaited.add("please save me");
        whileSaving.add("save me ".repeat(meanwhile));
        assertThat(run(4))
                .contains("0001, id", "0002, id", "2 of 4 snapshots were saved")
                .doesNotContain("0003");
        if (skipped > 0) {
            assertThat(err.toString(StandardCharsets.UTF_8))
                    .contains(skipped + " times the text of --snapshot-when came while");
        } else {
            assertThat(err.toString(StandardCharsets.UTF_8)).doesNotContain("times the text");
        }
        assertThat(json()).contains("\"snapshotsSkipped\":" + skipped);
    }

    @Test
    void whoGetsAllThatWereWantedIsToldNothing() throws Exception {
        whenAwaited.add("save me");
        whenAwaited.add("save me");
        assertThat(run(2)).contains("0002, id").doesNotContain("snapshots were saved");
        assertThat(json()).contains("\"snapshotsSkipped\":0");
    }
}
