// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.api.vm.MachineStatistics;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.testkit.HangGuard;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Everything a guest runs on is exchanged under it: by configuration, and by stopping, updating and
 * starting bundles.
 */
class SwapIT {
    private static final String PROTECTION = "dev.faultline.protection.internal.PageProtection";

    /** Exchanges of translator and interpreter; campaigns make more. */
    private static final int ENGINE_SWAPS = Integer.getInteger("faultline.engine.swaps", 300);

    @TempDir Path scratch;

    private Typed typed;

    @BeforeEach
    void boot() throws Exception {
        typed = new Typed();
        typed.smallInterpreter(3, 8, 64);
        typed.awaitEngine("interpreter-small");
    }

    @AfterEach
    void stop() {
        typed.close();
    }

    // ---- nothing lost, nothing repeated

    @Test
    void theGuestsAnswersAreThoseOfAnUndisturbedRun() throws Exception {
        List<String> undisturbed = new ArrayList<>();
        try (Machine m = typed.keyed("undisturbed", "interpreter", "coded");
                GuestTalk talk = new GuestTalk(m)) {
            m.start();
            converse(talk, undisturbed, 40);
        }

        List<String> answers = new ArrayList<>();
        Swapper swapper;
        try (Machine m = typed.keyed("swapped", "interpreter", "coded");
                GuestTalk talk = new GuestTalk(m)) {
            swapper = new Swapper(typed, m, 1);
            Thread swaps = Thread.ofPlatform().start(swapper);
            m.start();
            try {
                converse(talk, answers, 40);
            } catch (AssertionError e) {
                e.addSuppressed(
                        new AssertionError("swapped: " + swapper.done, swapper.failure.get()));
                throw e;
            }
            while (swaps.isAlive()) {
                // More of the same, so that a guest is at work for as long as the swaps take.
                assertThat(talk.ask("sum 0 999", "\n")).contains("count=1000 bad=0");
            }
            swaps.join();
            report(swapper, m);
        }

        assertThat(swapper.failure.get()).isNull();
        assertThat(swapper.count()).isGreaterThanOrEqualTo(Swapper.SWAPS);
        assertThat(answers).isEqualTo(undisturbed);
        assertThat(answers.getFirst()).contains("READY keys=10000");
    }

    private static void converse(GuestTalk talk, List<String> answers, int rounds)
            throws InterruptedException {
        String ready = talk.await("checksum=") + talk.await("\n");
        answers.add(ready.substring(ready.indexOf("READY")));
        for (int i = 0; i < rounds; i++) {
            answers.add(talk.ask("get " + i * 250, "\n"));
            answers.add(talk.ask("put " + i + " 0x" + Integer.toHexString(i * 77), "\n"));
            answers.add(talk.ask("sum " + i * 100 + " " + (i * 100 + 400), "\n"));
            answers.add(talk.ask("scan 300 " + i, "\n"));
            answers.add(talk.ask("float 100", "\n"));
        }
    }

    @Test
    void everyInstructionIsExecutedExactlyOnce() throws Exception {
        Path image = CountedLoop.image(scratch);
        try (Machine m = typed.machine("counted", "interpreter", "coded", 16L << 20)) {
            m.boot(new MachineConfig.Boot(image, List.of(), ""));
            Swapper swapper = new Swapper(typed, m, 2);
            m.start();

            swapper.run();

            m.pause("to look");
            report(swapper, m);
            assertThat(swapper.failure.get()).isNull();
            assertThat(swapper.count()).isGreaterThanOrEqualTo(Swapper.SWAPS);
            CountedLoop.check(m);
        }
    }

    @Test
    void linuxNoticesNothing() throws Exception {
        List<String> files = LinuxIT.files(scratch);
        try (Machine m = typed.machine("linux", "interpreter", "coded", 128L << 20);
                GuestTalk talk = new GuestTalk(m)) {
            m.boot(
                    new MachineConfig.Boot(
                            Path.of(files.get(0)), List.of(Path.of(files.get(1))), LinuxIT.KERNEL));
            m.start();
            talk.await("faultline# ");
            Swapper swapper = new Swapper(typed, m, 3);
            Thread swaps = Thread.ofPlatform().start(swapper);

            String script = LinuxIT.SCRIPT.replace("\\n", "");
            do {
                String answer = talk.ask(script, "<end>").replace("\r", "");
                assertThat(answer).contains(LinuxIT.TRUTH);
            } while (swaps.isAlive());

            report(swapper, m);
            assertThat(swapper.failure.get()).isNull();
            assertThat(swapper.count()).isGreaterThanOrEqualTo(Swapper.SWAPS);
        }
    }

    /** Between the two engines, to and fro, under a Linux that works, as often as is asked for. */
    @Test
    void linuxNoticesNothingOfItsEngines() throws Exception {
        List<String> files = LinuxIT.files(scratch);
        try (Machine m = typed.machine("engines", "translator", "coded", 128L << 20);
                GuestTalk talk = new GuestTalk(m)) {
            m.boot(
                    new MachineConfig.Boot(
                            Path.of(files.get(0)), List.of(Path.of(files.get(1))), LinuxIT.KERNEL));
            m.start();
            talk.await("faultline# ");
            AtomicReference<Throwable> failure = new AtomicReference<>();
            Thread swaps =
                    Thread.ofPlatform()
                            .start(() -> {
                                try {
                                    exchange(m);
                                } catch (Exception | AssertionError e) {
                                    failure.set(e);
                                }
                            });
            String script = LinuxIT.SCRIPT.replace("\\n", "");
            do {
                String answer = talk.ask(script, "<end>").replace("\r", "");
                assertThat(answer).contains(LinuxIT.TRUTH);
            } while (swaps.isAlive());
            assertThat(failure.get()).isNull();
            assertThat(m.statistics().swaps()).isGreaterThanOrEqualTo(ENGINE_SWAPS);
        }
    }

    private void exchange(Machine m) throws Exception {
        for (int i = 0; i < ENGINE_SWAPS; i++) {
            m.swapEngine(i % 2 == 0 ? "interpreter" : "translator");
            typed.awaitProgress(m, "after swap " + i);
        }
    }

    private static void report(Swapper swapper, Machine m) {
        MachineStatistics s = m.statistics();
        System.out.printf(
                "%s: %d swaps: %s; %,d instructions, %,d faults, %d swaps by request with the longest stand %.2f ms%n",
                m.config().name(),
                swapper.count(),
                swapper.done,
                s.instructions(),
                s.faults(),
                s.swaps(),
                s.maxSwapPauseNanos() / 1e6);
    }

    // ---- a required service goes and comes

    @ParameterizedTest
    @CsvSource({
        "dev.faultline.cpu.interpreter, engine interpreter",
        "dev.faultline.fault.coded, fault style coded",
        "dev.faultline.mmu, translation",
        "dev.faultline.memory, memory",
        "dev.faultline.protection, protection",
        "dev.faultline.device.pc, chips",
        "dev.faultline.platform.posix, memory"
    })
    void aRequiredServiceThatVanishesPausesAndItsReturnResumes(String bundle, String reason)
            throws Exception {
        try (Machine m = typed.machine("waiting", "interpreter", "coded", 16L << 20)) {
            m.boot(new MachineConfig.Boot(CountedLoop.image(scratch), List.of(), ""));
            m.start();
            typed.awaitProgress(m, "");

            typed.bundle(bundle).stop();

            VcpuExit exit = HangGuard.await(m);
            assertThat(exit).isInstanceOf(VcpuExit.Paused.class);
            assertThat(((VcpuExit.Paused) exit).reason())
                    .contains("required service", reason, "gone");
            assertThat(m.running()).isFalse();
            long stood = m.statistics().instructions();
            // clock: to give a mistake its chance
            Thread.sleep(50);
            assertThat(m.statistics().instructions()).isEqualTo(stood);

            typed.bundle(bundle).start();

            typed.awaitProgress(m, "");
            HangGuard.until("it runs", m::running);
            m.pause("to look");
            CountedLoop.check(m);
        }
    }

    @Test
    void anotherServiceMayTakeThePlaceOfOneThatIsGone() throws Exception {
        try (Machine m = typed.machine("replaced", "interpreter-small", "coded", 16L << 20)) {
            m.boot(new MachineConfig.Boot(CountedLoop.image(scratch), List.of(), ""));
            m.start();
            typed.awaitProgress(m, "");
            typed.bundle("dev.faultline.fault.coded").stop();
            typed.removeFactoryConfiguration("dev.faultline.cpu.interpreter", "small");
            HangGuard.until("it stands", () -> !m.running());
            HangGuard.until(
                    "its engine is gone",
                    () ->
                            !typed.service(MachineFactory.class)
                                    .engines()
                                    .contains("interpreter-small"));

            m.swapFaultStyle("thrown");
            m.swapEngine("interpreter");

            typed.awaitProgress(m, "");
            m.pause("to look");
            CountedLoop.check(m);
        }
    }

    @Test
    void anUpdatedTranslationTakesOverFromTheOldOne() throws Exception {
        try (Machine m = typed.machine("translated", "interpreter", "coded", 16L << 20)) {
            m.boot(new MachineConfig.Boot(CountedLoop.image(scratch), List.of(), ""));
            m.start();
            Mmu before = m.mmu();

            typed.bundle("dev.faultline.mmu").update();

            HangGuard.until("it has the new one", () -> m.mmu() != before);
            typed.awaitProgress(m, "");
            assertThat(m.mmu().mappedPages()).isPositive();
            m.pause("to look");
            CountedLoop.check(m);
        }
    }

    @Test
    void anUpdatedProtectionTakesOverRightsAndHandlers() throws Exception {
        try (Machine m = typed.machine("protected", "interpreter", "coded", 16L << 20)) {
            m.boot(new MachineConfig.Boot(CountedLoop.image(scratch), List.of(), ""));
            List<Long> asked = new CopyOnWriteArrayList<>();
            ProtectionLayer[] layer = new ProtectionLayer[1];
            layer[0] =
                    m.protection()
                            .addLayer(
                                    "watch",
                                    (name, fault) -> {
                                        asked.add(fault.gfn());
                                        layer[0].protectPage(fault.gfn(), Rights.RWX);
                                        return Resolution.RETRY;
                                    });
            m.start();
            typed.awaitProgress(m, "");
            layer[0].protect(0xA0_0000, 0x3000, Rights.R);
            ProtectionLayer user = m.protection().userLayer();
            Class<?> before = typed.bundle("dev.faultline.protection").loadClass(PROTECTION);

            typed.bundle("dev.faultline.protection").update();

            typed.awaitProgress(m, "");
            assertThat(typed.bundle("dev.faultline.protection").loadClass(PROTECTION))
                    .isNotSameAs(before);
            assertThat(m.protection().userLayer()).isSameAs(user);
            assertThat(m.protection().layers()).containsExactly(user, layer[0]);
            assertThat(layer[0].restrictedPages()).isEqualTo(3);
            assertThat(m.protection().rightsOf(0xA01)).isEqualTo(Rights.R);
            asked.clear();
            layer[0].protect(0, 16L << 20, Rights.NONE); // the old object, in the guest's way
            HangGuard.until("the handler is asked", () -> !asked.isEmpty());
            typed.awaitProgress(m, "");
            m.pause("to look");
            CountedLoop.check(m);
        }
    }

    /** What is not exchanged: the machine goes on with the old one until it ends. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "dev.faultline.memory",
                "dev.faultline.device.pc",
                "dev.faultline.platform.posix",
                "dev.faultline.machine.pc"
            })
    void aMachineOutlivesTheBundlesOfItsPartsUntilItEnds(String bundle) throws Exception {
        Machine m = typed.keyed("kept", "interpreter", "coded");
        try (GuestTalk talk = new GuestTalk(m)) {
            m.start();
            talk.await("checksum=");
            talk.await("\n");

            typed.bundle(bundle).update();
            typed.refresh(bundle);

            if (bundle.endsWith("machine.pc")) {
                assertThat(HangGuard.await(m).toString()).contains(bundle, "stands for good");
            } else {
                for (int i = 0; i < 20; i++) {
                    assertThat(talk.ask("sum 0 999", "\n")).contains("count=1000 bad=0");
                }
                assertThat(m.running()).isTrue();
            }
            m.close();
            assertThat(m.memory().blocks()).isEmpty();
        }
        try (Machine next = typed.keyed("next", "interpreter", "coded");
                GuestTalk talk = new GuestTalk(next)) {
            next.start();
            talk.await("checksum=");
        }
    }

    @Test
    void theReasonNamesWhatIsStillMissing() throws Exception {
        try (Machine m = typed.machine("waiting", "interpreter", "coded", 16L << 20)) {
            m.boot(new MachineConfig.Boot(CountedLoop.image(scratch), List.of(), ""));
            m.start();
            typed.awaitProgress(m, "");
            typed.bundle("dev.faultline.mmu").stop();
            typed.bundle("dev.faultline.protection").stop();
            assertThat(HangGuard.await(m).toString())
                    .contains("required services protection, translation are gone");
            typed.bundle("dev.faultline.protection").start();
            assertThat(HangGuard.await(m).toString())
                    .contains("required service translation is gone");
            typed.bundle("dev.faultline.mmu").start();
            typed.awaitProgress(m, "");
        }
    }

    /**
     * A configuration arrives while a service is exchanged: on a thread of its own the component
     * runtime takes away what the configuration no longer allows, and meanwhile another thread
     * brings what it does allow. In between nobody may be forgotten.
     */
    @Test
    void aConfigurationThatArrivesDuringAnExchangeLeavesNoMachineStanding() throws Exception {
        try (Machine m = typed.machine("configured", "interpreter", "coded", 16L << 20)) {
            m.boot(new MachineConfig.Boot(CountedLoop.image(scratch), List.of(), ""));
            m.start();
            typed.awaitProgress(m, "");
            CountDownLatch leaving = new CountDownLatch(1);
            CountDownLatch exchanged = new CountDownLatch(1);
            Thread here = Thread.currentThread();
            typed.onUnregistering(
                    MachineFactory.class,
                    () -> {
                        if (Thread.currentThread() != here) {
                            leaving.countDown();
                            HangGuard.until("it is exchanged", () -> exchanged.getCount() == 0);
                        }
                    });

            typed.configure("mmu.target", "(chosen=yes)");
            HangGuard.await(leaving, "the factory of a translation that is not chosen goes");
            try {
                typed.bundle("dev.faultline.mmu").stop();
                typed.bundle("dev.faultline.mmu").start();
                MmuFactory usual = typed.service(MmuFactory.class);
                typed.register(MmuFactory.class, usual::create, Map.of("chosen", "yes"));
            } finally {
                exchanged.countDown();
            }
            // Configurations arrive one after the other: when this one has, the other one has too.
            typed.factoryConfiguration(
                    "dev.faultline.cpu.interpreter", "small", Map.of("block.length", 7));
            typed.awaitService("(block.length=7)");

            typed.awaitProgress(m, "with what the configuration chooses");
            m.pause("to look");
            CountedLoop.check(m);
        }
    }

    // ---- swaps from inside

    @ParameterizedTest
    @ValueSource(
            strings = {
                "dev.faultline.cpu.interpreter",
                "dev.faultline.fault.coded",
                "dev.faultline.mmu",
                "dev.faultline.protection"
            })
    void aFaultHandlerMayUpdateTheBundleItsMachineRunsOn(String bundle) throws Exception {
        try (Machine m = typed.machine("inside", "interpreter", "coded", 16L << 20)) {
            m.boot(new MachineConfig.Boot(CountedLoop.image(scratch), List.of(), ""));
            AtomicReference<Exception> failure = new AtomicReference<>();
            AtomicInteger asked = new AtomicInteger();
            FaultHandler handler =
                    (name, fault) -> {
                        try {
                            asked.incrementAndGet();
                            typed.bundle(bundle).update();
                        } catch (Exception e) {
                            failure.set(e);
                        }
                        m.protection().layers().getLast().protectPage(fault.gfn(), Rights.RWX);
                        return Resolution.RETRY;
                    };
            ProtectionLayer layer = m.protection().addLayer("inside", handler);
            layer.protect(0x8000, 0x4000, Rights.NONE);

            m.start();
            HangGuard.until("the handler is asked", () -> asked.get() > 0);
            typed.awaitProgress(m, "");
            m.pause("to look");

            assertThat(failure.get()).isNull();
            CountedLoop.check(m);
        }
    }
}
