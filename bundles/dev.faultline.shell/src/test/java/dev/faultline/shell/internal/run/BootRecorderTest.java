// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.cpu.GuestClock;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineStatistics;
import dev.faultline.api.vm.SerialConsole;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.shell.internal.bootcache.BootFiles;
import dev.faultline.shell.internal.bootcache.BootKey;
import dev.faultline.shell.internal.bootcache.BootStore;
import dev.faultline.shell.internal.cli.ExitCode;
import dev.faultline.shell.internal.cli.Report;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.Stop;
import dev.faultline.testkit.StubMachine;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
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
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** When a boot is stored, what the guest gets when, and what is told; the test is the guest. */
class BootRecorderTest {
    private static final MachineConfig CONFIG =
            new MachineConfig("g", 1 << 20, 1, "", "", List.of());
    private static final int PATIENCE = 10;

    @TempDir Path scratch;
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private final ByteArrayOutputStream received = new ByteArrayOutputStream();
    private final Report report = new Report();

    /** What the guest does at each look. */
    private final Deque<Runnable> steps = new ArrayDeque<>();

    private Consumer<byte[]> recorder = bytes -> {};
    private Consumer<byte[]> session = bytes -> {};
    private SerialConsole.InputWait wait = SerialConsole.InputWait.NONE;
    private long nanos;
    private String saveFails;
    private String receivedWhenSaved;
    private Path image;
    private BootStore store;

    @BeforeEach
    void prepare() throws IOException {
        image = Files.writeString(scratch.resolve("image"), "image");
        store =
                new BootStore(
                        scratch.resolve("boot"), 1 << 20, proxy(SnapshotService.class, this::save));
    }

    private static <T> T proxy(Class<T> type, InvocationHandler h) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, h));
    }

    private Object save(Object proxy, java.lang.reflect.Method m, Object[] args)
            throws IOException, SnapshotException {
        assertThat(m.getName()).isEqualTo("save");
        receivedWhenSaved = received.toString(StandardCharsets.US_ASCII);
        if (saveFails != null) {
            throw new SnapshotException(SnapshotException.Kind.IO, saveFails);
        }
        Path to = Files.createDirectory((Path) args[1]);
        Files.writeString(to.resolve("manifest"), "manifest");
        return new SnapshotInfo(
                to, "0".repeat(64), null, Instant.EPOCH, CONFIG, 1, 256, 0, false, 1, 1);
    }

    private void says(String text) {
        byte[] b = text.getBytes(StandardCharsets.US_ASCII);
        recorder.accept(b);
        session.accept(b);
    }

    private final class Guest extends StubMachine {
        @Override
        public SerialConsole serial() {
            return new Serial();
        }

        @Override
        public GuestClock clock() {
            return proxy(GuestClock.class, (p, m, args) -> nanos);
        }

        @Override
        public boolean idle() {
            return true;
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
            if (steps.isEmpty()) {
                return new VcpuExit.PoweredOff("test");
            }
            steps.remove().run();
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
            recorder = session; // the recorder comes first: nothing is missed
            session = added;
        }

        @Override
        public void removeListener(Consumer<byte[]> removed) {}

        @Override
        public InputWait inputWait() {
            return wait;
        }

        @Override
        public void send(byte[] bytes) {
            received.writeBytes(bytes);
        }
    }

    private BootKey key() throws IOException {
        return BootKey.of("p", 2, files(), CONFIG, "none", null);
    }

    private BootFiles files() throws IOException {
        return BootFiles.read(new MachineConfig.Boot(image, List.of(), ""));
    }

    /** Runs the guest; what the command has said on standard error. */
    private String run(String when) throws Exception {
        RunOptions o = new RunOptions();
        o.serial = "none";
        o.protect = "none";
        o.input = "typed\\n";
        o.inputWhen = List.of("login=root\\n");
        PrintStream to = new PrintStream(err, true, StandardCharsets.UTF_8);
        Services s =
                new Services(
                        null,
                        proxy(SnapshotService.class, this::save),
                        null,
                        null,
                        null,
                        to,
                        to,
                        report,
                        new Stop());
        try (RunSession run = new RunSession(s, new Guest(), o)) {
            run.record(
                    new BootRecorder(
                            s,
                            run.machine(),
                            new BootRecorder.Wanted(store, key(), files(), when, PATIENCE)));
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

    private String received() {
        return received.toString(StandardCharsets.US_ASCII);
    }

    @Test
    void itIsStoredWhenItWaitsAndGetsItsInputThen() throws Exception {
        steps.add(() -> says("booting\nlogin: "));
        steps.add(() -> wait = SerialConsole.InputWait.POLLED);
        steps.add(() -> says("after"));
        assertThat(run(null)).contains("boot cache: stored").doesNotContain("nothing was stored");
        assertThat(receivedWhenSaved).isEmpty();
        assertThat(received()).isEqualTo("typed\nroot\n");
        assertThat(store.console(store.find(key())))
                .asString(StandardCharsets.US_ASCII)
                .isEqualTo("booting\nlogin: ");
        assertThat(json()).contains("\"bootCache\":{\"hit\":false", "\"stored\":true");
    }

    @Test
    void itIsStoredWhenItHasSentTheText() throws Exception {
        wait = SerialConsole.InputWait.POLLED;
        steps.add(() -> says("booting\n"));
        steps.add(() -> {
            assertThat(receivedWhenSaved).isNull();
            says("ready\n");
        });
        steps.add(() -> {});
        assertThat(run("ready\\n")).contains("boot cache: stored");
        assertThat(received()).isEqualTo("typed\n");
    }

    @Test
    void aGuestThatEndsBeforeIsNotStored() throws Exception {
        steps.add(() -> says("bye\n"));
        assertThat(run(null))
                .contains("boot cache: nothing was stored: the guest never waited for input")
                .contains("powered off", "--boot-cache-when");
        assertThat(store.list()).isEmpty();
        assertThat(received()).isEmpty();
        assertThat(json()).contains("\"stored\":false", "\"reason\":\"theguestneverwaited");
    }

    @Test
    void aGuestThatNeverSendsTheTextIsNotStored() throws Exception {
        steps.add(() -> says("bye\n"));
        assertThat(run("ready")).contains("never sent the text of --boot-cache-when");
    }

    @Test
    void inputIsNotHeldForEver() throws Exception {
        steps.add(() -> {});
        steps.add(() -> nanos += TimeUnit.SECONDS.toNanos(PATIENCE));
        steps.add(() -> {
            assertThat(received()).isEmpty();
            nanos++;
        });
        steps.add(() -> wait = SerialConsole.InputWait.POLLED);
        assertThat(run(null)).contains("nothing was stored: input was held for 10 s");
        assertThat(received()).isEqualTo("typed\n");
        assertThat(store.list()).isEmpty();
    }

    @Test
    void whatCannotBeSavedGoesOn() throws Exception {
        saveFails = "no space left";
        wait = SerialConsole.InputWait.POLLED;
        steps.add(() -> {});
        steps.add(() -> {});
        assertThat(run(null)).containsOnlyOnce("nothing was stored: no space left");
        assertThat(received()).isEqualTo("typed\n");
        assertThat(Files.list(scratch.resolve("boot"))).hasSize(1); // the lock
    }

    @Test
    void aFileThatChangedMeanwhileIsNotStored() throws Exception {
        steps.add(() -> {
            try {
                Files.writeString(image, "another");
            } catch (IOException e) {
                throw new AssertionError(e);
            }
            wait = SerialConsole.InputWait.POLLED;
        });
        steps.add(() -> {});
        assertThat(run(null)).contains("nothing was stored: a file of the boot was changed");
        assertThat(store.list()).isEmpty();
    }
}
