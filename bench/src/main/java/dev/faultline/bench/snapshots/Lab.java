// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.snapshots;

import com.sun.management.OperatingSystemMXBean;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.RestoreStatistics;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.bench.Installation;
import dev.faultline.shell.internal.demo.GuestDialog;
import dev.faultline.shell.internal.guest.DemoGuest;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.osgi.framework.BundleException;

/**
 * The shipped platform, started in this process with its API packages shared, a scratch directory,
 * and what every measurement does: boot, save, restore, ask.
 */
final class Lab implements AutoCloseable {
    private static final OperatingSystemMXBean PROCESS =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    /** Looked at by the snapshot bundle when a restore begins. */
    private static final String WITHOUT = "faultline.bench.without";

    private final Path scratch;
    private final Installation installation;
    private final PrintStream log;
    final boolean quick;
    final int runs;
    private int saved;

    /**
     * @param parent of the scratch directory; null: the system's place for such
     */
    Lab(Path parent, boolean quick, int runs, PrintStream log) throws IOException, BundleException {
        this.quick = quick;
        this.runs = runs;
        this.log = log;
        this.scratch =
                parent == null
                        ? Files.createTempDirectory("faultline-bench")
                        : Files.createTempDirectory(
                                Files.createDirectories(parent), "faultline-bench");
        this.installation = new Installation();
    }

    void say(String line) {
        log.println("  " + line);
    }

    Installation installation() {
        return installation;
    }

    SnapshotService snapshots() throws InterruptedException {
        return installation.service(SnapshotService.class);
    }

    Machine machine(long ramBytes) throws MachineException {
        return installation.machine("bench", ramBytes, 1, "coded");
    }

    /** A directory for a snapshot that does not exist yet. */
    Path directory(String name) {
        return scratch.resolve(name + "-" + saved++);
    }

    // ---- guests

    /** A booted guest that waits to be asked. */
    record Booted(Machine machine, GuestDialog dialog) implements AutoCloseable {
        @Override
        public void close() {
            dialog.close();
            machine.close();
        }
    }

    Booted boot(DemoGuest guest, String commandLine, long ramBytes)
            throws MachineException, InterruptedException {
        Machine m = machine(ramBytes);
        GuestDialog d = new GuestDialog(m, null);
        MachineConfig.Boot b = guest.boot();
        m.boot(new MachineConfig.Boot(b.image(), b.modules(), commandLine));
        m.start();
        d.await(guest.readyText(), guest.bootLimit());
        d.await(guest.readyEnd(), guest.bootLimit());
        return new Booted(m, d);
    }

    /** Boots a guest and saves it once it is ready. */
    Path save(DemoGuest guest, String commandLine, long ramBytes)
            throws MachineException, InterruptedException {
        Path dir = directory(guest.name());
        try (Booted b = boot(guest, commandLine, ramBytes)) {
            SnapshotInfo i = snapshots().save(b.machine(), dir, SaveOptions.DEFAULT, f -> {});
            say(
                    "%s guest of %d MiB saved, %d KiB"
                            .formatted(guest.name(), ramBytes >> 20, i.bytes() >> 10));
        }
        return dir;
    }

    /**
     * Asks in order; every answer must be right.
     *
     * @return the answers
     */
    static List<String> ask(GuestDialog d, List<DemoGuest.Request> work)
            throws MachineException, InterruptedException {
        List<String> answers = new ArrayList<>();
        for (DemoGuest.Request q : work) {
            d.send(q.line());
            String answer = d.await(q.until(), q.limit());
            if (!answer.contains(q.expected())) {
                throw new MachineException(
                        "wrong answer to '%s': '%s', expected '%s' in it"
                                .formatted(q.line().strip(), answer.strip(), q.expected()));
            }
            answers.add(answer);
        }
        return answers;
    }

    // ---- restoring

    /** Opens a snapshot into a machine: from a directory, or from a source elsewhere. */
    interface Opener {
        Restored into(Machine machine, RestoreOptions options)
                throws MachineException, InterruptedException;
    }

    /** A fault brings the page that was touched and no other. */
    static final String RANGE_FILL = "RANGE_FILL";

    /** Pages are not checked against the snapshot's hashes. */
    static final String VERIFICATION = "VERIFICATION";

    /**
     * As {@code from}, without what a restore does otherwise, to tell what that is worth. Holds for
     * the whole process while the restore begins: one at a time.
     */
    static Opener without(String what, Opener from) {
        return (m, o) -> {
            System.setProperty(WITHOUT, what);
            try {
                return from.into(m, o);
            } finally {
                System.clearProperty(WITHOUT);
            }
        };
    }

    Opener directory(Path dir) {
        return (m, o) -> snapshots().restore(dir, m, o);
    }

    /**
     * @param firstMillis from the call of restore to the first instruction
     * @param readyMillis from the call of restore until all work was answered; NaN without work
     * @param workMillis from start to the same
     * @param cpuMillis processor time of the whole process from the call of restore until then
     */
    record Timed(
            double firstMillis,
            double readyMillis,
            double workMillis,
            double cpuMillis,
            RestoreStatistics after) {}

    /**
     * @param work none: only the first instruction is waited for
     * @param save write the recording beside the snapshot in the end
     */
    Timed restore(
            Opener from,
            long ramBytes,
            RestoreOptions options,
            List<DemoGuest.Request> work,
            boolean save)
            throws MachineException, InterruptedException {
        System.gc(); // what the run before left must not be collected in this one
        try (Machine m = machine(ramBytes);
                GuestDialog d = new GuestDialog(m, null)) {
            FirstInstruction first = new FirstInstruction();
            m.onFirstInstruction(first);
            long cpu = PROCESS.getProcessCpuTime();
            long t = System.nanoTime();
            try (Restored r = from.into(m, options)) {
                long started = System.nanoTime();
                m.start();
                ask(d, work);
                long ready = System.nanoTime();
                cpu = PROCESS.getProcessCpuTime() - cpu;
                long at = first.await();
                if (r.failure() != null) {
                    throw r.failure();
                }
                RestoreStatistics s = r.statistics();
                if (save) {
                    r.saveRecording();
                }
                return new Timed(
                        (at - t) / 1e6,
                        work.isEmpty() ? Double.NaN : (ready - t) / 1e6,
                        (ready - started) / 1e6,
                        cpu / 1e6,
                        s);
            }
        }
    }

    private static final class FirstInstruction implements Runnable {
        private final java.util.concurrent.CountDownLatch seen =
                new java.util.concurrent.CountDownLatch(1);
        private volatile long at;

        @Override
        public void run() {
            at = System.nanoTime();
            seen.countDown();
        }

        long await() throws InterruptedException, MachineException {
            if (!seen.await(30, java.util.concurrent.TimeUnit.SECONDS)) {
                throw new MachineException("the guest did not execute anything in 30 s");
            }
            return at;
        }
    }

    static void remove(Path root) throws IOException {
        if (!Files.exists(root)) {
            return;
        }
        try (Stream<Path> s = Files.walk(root)) {
            for (Path p : s.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(p);
            }
        }
    }

    @Override
    public void close() throws IOException {
        installation.close();
        remove(scratch);
    }
}
