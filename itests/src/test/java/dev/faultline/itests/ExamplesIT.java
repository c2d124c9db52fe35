// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.address.Page;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.testkit.HangGuard;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;

/** The example bundles, dropped into a running distribution beside running guests, and removed. */
class ExamplesIT {
    private static final Path EXAMPLES = Path.of(System.getProperty("faultline.examples"));
    private static final long PAGE = Page.SIZE;

    @TempDir static Path scratch;

    private static DeployFolder deploy;
    private static MachineFactory factory;

    @BeforeAll
    static void boot() throws Exception {
        deploy = new DeployFolder(scratch);
        factory = deploy.service(MachineFactory.class);
    }

    @AfterAll
    static void stop() {
        deploy.close();
    }

    private static Path example(String name) {
        return EXAMPLES.resolve(name + ".jar");
    }

    private static List<String> layers(Machine machine) {
        return machine.protection().layers().stream().map(ProtectionLayer::name).toList();
    }

    /**
     * A layer is seen before its first pages are closed: returns when as many are as will be. The
     * guest has not touched them yet, so its next access to each is stopped.
     */
    private static void awaitClosed(Machine machine, String layer, long pages) throws Exception {
        HangGuard.until(
                "pages closed by " + layer,
                () ->
                        machine.protection().layers().stream()
                                .anyMatch(l ->
                                        l.name().equals(layer) && l.restrictedPages() == pages));
    }

    @Test
    void theDeviceIsUsedPulledOutAndPluggedInAgain() throws Exception {
        Path jar = example("org.example.checksum");
        assertThatThrownBy(() -> ProbeGuest.boot(factory, "too-early", "checksum"))
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("unknown device checksum");
        deploy.put(jar);
        HangGuard.until("the device", () -> factory.devices().contains("checksum"));
        try (ProbeGuest without = ProbeGuest.boot(factory, "without");
                ProbeGuest with = ProbeGuest.boot(factory, "with", "checksum")) {
            assertThat(without.ask("crc 123456789")).isEqualTo("no device");
            assertThat(with.ask("crc 123456789")).isEqualTo("crc e3069283 interrupts=1 done");
            with.ask("poke 0xd0000000 0x1122334455667788");

            deploy.removeAndAwaitNoTrace(jar, "org.example.checksum.ChecksumDevice");

            assertThat(HangGuard.await(with.machine()))
                    .isEqualTo(new VcpuExit.Paused("required service device checksum is gone"));
            assertThat(factory.devices()).isEmpty();
            assertThat(without.ask("peek 0x1000")).startsWith("peek ");

            deploy.put(jar);

            assertThat(with.ask("peek 0xd0000000")).isEqualTo("peek 1122334455667788");
            assertThat(with.ask("crc abc")).isEqualTo("crc 364b3fb7 interrupts=2 done");
        }
        deploy.removeAndAwaitNoTrace(jar, "org.example.checksum.ChecksumDevice");
    }

    @Test
    void theDirtyTrackerTellsWhatARunningGuestWrites() throws Exception {
        Path jar = example("org.example.dirtytracker");
        try (ProbeGuest guest = ProbeGuest.boot(factory, "tracked")) {
            deploy.put(jar);
            HangGuard.until("its layer", () -> layers(guest.machine()).contains("dirty-tracker"));
            reset("tracked");
            guest.ask("poke %d 1".formatted(ProbeGuest.FREE + 8));
            guest.ask("sum %d 1024".formatted(ProbeGuest.FREE + 16 * PAGE));
            guest.ask("fill %d 513 7".formatted(ProbeGuest.FREE + 3 * PAGE));
            long first = ProbeGuest.FREE / PAGE;
            assertThat(inFreeRam(reset("tracked"))).containsExactly(first, first + 3, first + 4);
            assertThat(inFreeRam(reset("tracked"))).isEmpty();
            guest.ask("poke %d 2".formatted(ProbeGuest.FREE));
            assertThat(inFreeRam(reset("tracked"))).containsExactly(first);

            deploy.removeAndAwaitNoTrace(jar, "org.example.dirtytracker.DirtyPages");

            assertThat(layers(guest.machine())).containsExactly("user");
            long faults = guest.machine().statistics().faults();
            assertThat(guest.ask("poke %d 3".formatted(ProbeGuest.FREE))).startsWith("poke");
            assertThat(guest.machine().statistics().faults()).isEqualTo(faults);
        }
    }

    /** Calls the shell command {@code dirty:reset} as the shell does. */
    private static long[] reset(String machine) throws Exception {
        ServiceReference<?>[] found = new ServiceReference<?>[1];
        HangGuard.until(
                "its command is there",
                () -> {
                    try {
                        ServiceReference<?>[] all =
                                deploy.context()
                                        .getAllServiceReferences(
                                                null, "(osgi.command.scope=dirty)");
                        found[0] = all == null ? null : all[0];
                    } catch (InvalidSyntaxException e) {
                        throw new IllegalStateException(e);
                    }
                    return found[0] != null;
                });
        Object command = deploy.context().getService(found[0]);
        try {
            return (long[])
                    command.getClass().getMethod("reset", String.class).invoke(command, machine);
        } finally {
            deploy.context().ungetService(found[0]);
        }
    }

    private static List<Long> inFreeRam(long[] gfns) {
        return Arrays.stream(gfns).filter(g -> g * PAGE >= ProbeGuest.FREE).boxed().toList();
    }

    @Test
    void thePageSourceFillsWhatTheGuestTouches() throws Exception {
        Path jar = example("org.example.patternsource");
        String pid = "org.example.patternsource";
        try (ProbeGuest guest = ProbeGuest.boot(factory, "sourced")) {
            deploy.configure(
                    pid,
                    "machine=sourced\ngpa.start=%d\ngpa.size=0x100000\nseed=1234567\n"
                            .formatted(ProbeGuest.FREE));
            deploy.put(jar);
            awaitClosed(guest.machine(), "pattern-source", 0x100);
            assertThat(guest.ask("peek %d".formatted(ProbeGuest.FREE + 5 * PAGE)))
                    .isEqualTo("peek %016x".formatted(splitMix(1234567, 5 * PAGE)));
            // A write touches too; the rest of its page is the pattern's.
            guest.ask("poke %d 0x77".formatted(ProbeGuest.FREE + 9 * PAGE));
            String beside = guest.ask("peek %d".formatted(ProbeGuest.FREE + 9 * PAGE + 8));
            assertThat(beside).isEqualTo("peek %016x".formatted(splitMix(1234567, 9 * PAGE + 8)));

            deploy.removeAndAwaitNoTrace(jar, "org.example.patternsource.PatternPages");
            deploy.remove(pid + ".cfg");

            assertThat(layers(guest.machine())).containsExactly("user");
            assertThat(guest.ask("peek %d".formatted(ProbeGuest.FREE + 9 * PAGE)))
                    .isEqualTo("peek 0000000000000077");
            assertThat(guest.ask("peek %d".formatted(ProbeGuest.FREE + 9 * PAGE + 8)))
                    .isEqualTo(beside);
            assertThat(guest.ask("peek %d".formatted(ProbeGuest.FREE + 20 * PAGE)))
                    .isEqualTo("peek 0000000000000000");
        }
    }

    /**
     * SplitMix64's output number {@code offset / 8} for the page source's range, from its
     * definition.
     */
    private static long splitMix(long seed, long offset) {
        long z = seed + ((ProbeGuest.FREE + offset) / 8 + 1) * 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    @Test
    void theWatchpointLogsAndDrawsWhatTheGuestDoes() throws Exception {
        Path jar = example("org.example.watchpoint");
        String pid = "org.example.watchpoint";
        Path table = scratch.resolve("heat.txt");
        Path log = scratch.resolve("accesses.txt");
        try (ProbeGuest guest = ProbeGuest.boot(factory, "watched")) {
            deploy.configure(
                    pid,
                    "machine=watched\ngpa.start=%d\ngpa.size=0x8000\naccess=rw\nheat.map=%s\nlog=%s\n"
                            .formatted(ProbeGuest.FREE, table, log));
            deploy.put(jar);
            awaitClosed(guest.machine(), "watchpoint", 8);
            guest.ask("poke %d 1".formatted(ProbeGuest.FREE + 0x2008));
            guest.ask("sum %d 16".formatted(ProbeGuest.FREE + 0x5010));
            guest.ask("peek %d".formatted(ProbeGuest.FREE + 0x8000));

            deploy.removeAndAwaitNoTrace(jar, "org.example.watchpoint.Watch");
            deploy.remove(pid + ".cfg");

            assertThat(layers(guest.machine())).containsExactly("user");
            assertThat(Files.readAllLines(table))
                    .hasSize(3)
                    .anyMatch(l -> l.matches("0x0000000002002000 +0 +1 +0"))
                    .anyMatch(l -> l.matches("0x0000000002005000 +16 +0 +0"));
            assertThat(Files.readAllLines(log))
                    .hasSize(17)
                    .anyMatch(l -> l.startsWith("watched vcpu 0 DATA -W- of gpa 0x2002008"))
                    .anyMatch(l -> l.startsWith("watched vcpu 0 DATA R-- of gpa 0x2005088"));
        }
    }
}
