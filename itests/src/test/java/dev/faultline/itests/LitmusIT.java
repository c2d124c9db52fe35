// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.address.Page;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.testkit.HangGuard;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Four processors see nothing that the memory model forbids, lose no locked update and execute no
 * old code (litmus.c), while one page of theirs after the other loses its rights: then nobody
 * changes it, and nobody waits for ever. {@code bench/litmus-campaign.sh} does it for minutes.
 */
class LitmusIT {
    private static final int VCPUS = 4;
    private static final int MINUTES = Integer.getInteger("faultline.litmus.minutes", 0);
    private static final int ROUNDS = Integer.getInteger("faultline.litmus.rounds", 1);

    /** Of the guest's: program, data, page tables. */
    private static final int FIRST_GFN = 0x100;

    private static final int PAGES = 0x100;

    private Typed typed;

    @BeforeEach
    void boot() throws Exception {
        typed = new Typed();
    }

    @AfterEach
    void stop() {
        typed.close();
    }

    static List<String> engines() {
        return List.of(
                System.getProperty("faultline.litmus.engines", "interpreter,translator")
                        .split(","));
    }

    /** A look of generated code is short. */
    private static String arguments(String engine) {
        int patience = engine.equals("translator") ? 200 : 10;
        return "%d %d %d".formatted(VCPUS, ROUNDS, patience);
    }

    /** Takes rights of pages and gives them back. */
    private static final class Taker implements Runnable, FaultHandler {
        private final Machine machine;
        private final ProtectionLayer layer;
        private final ReentrantLock looking = new ReentrantLock();
        private final Random random = new Random(1);
        private final byte[] before = new byte[Page.SIZE];
        private final byte[] after = new byte[Page.SIZE];
        final AtomicLong stopped = new AtomicLong();
        volatile boolean over;
        volatile long looks;
        volatile long changed;

        Taker(Machine machine) {
            this.machine = machine;
            layer = machine.protection().addLayer("taker", this);
        }

        @Override
        public void run() {
            while (!over) {
                long gfn = FIRST_GFN + random.nextInt(PAGES);
                looking.lock();
                try {
                    layer.protectPage(gfn, random.nextBoolean() ? Rights.R : Rights.NONE);
                    look(gfn);
                    layer.protectPage(gfn, Rights.RWX);
                } finally {
                    looking.unlock();
                }
                Thread.yield(); // those that were stopped go on
            }
        }

        private void look(long gfn) {
            long hva = machine.memory().hvaOf(Page.gpa(gfn));
            HostBytes.copyOut(hva, before, 0, before.length);
            for (int i = random.nextInt(20); i > 0; i--) {
                Thread.yield();
            }
            HostBytes.copyOut(hva, after, 0, after.length);
            looks++;
            changed += Arrays.equals(before, after) ? 0 : 1;
        }

        @Override
        public Resolution onFault(String name, PageFault fault) {
            stopped.incrementAndGet();
            looking.lock(); // until the right is back
            looking.unlock();
            return Resolution.RETRY;
        }
    }

    @ParameterizedTest
    @MethodSource("engines")
    void nothingForbiddenIsSeen(String engine) throws Exception {
        // clock: a campaign goes on for as long as was asked
        long end = System.nanoTime() + 60_000_000_000L * MINUTES;
        long runs = 0;
        long looks = 0;
        long stopped = 0;
        String said;
        do {
            MachineConfig config =
                    new MachineConfig("litmus", 64L << 20, VCPUS, engine, "coded", List.of());
            StringBuffer out = new StringBuffer();
            try (Machine m = typed.service(MachineFactory.class).create(config)) {
                m.serial().addListener(b -> out.append(new String(b, StandardCharsets.US_ASCII)));
                m.boot(
                        new MachineConfig.Boot(
                                Program.guest("litmus"), List.of(), arguments(engine)));
                Taker taker = new Taker(m);
                FutureTask<?> taking = new FutureTask<>(taker, null);
                m.start();
                new Thread(taking, "taker").start();
                try {
                    HangGuard.await(m);
                } finally {
                    taker.over = true;
                    HangGuard.get(taking); // before the memory that it reads is gone
                }
                said = out.toString();
                assertThat(said).contains("LITMUS ok").doesNotContain("FORBIDDEN", "LOST");
                assertThat(taker.changed).as("pages that changed without the right").isZero();
                runs++;
                looks += taker.looks;
                stopped += taker.stopped.get();
            }
            // clock: the same
        } while (System.nanoTime() < end);
        assertThat(looks).isPositive();
        assertThat(stopped).isPositive();
        System.out.printf(
                "litmus, %s: %d runs, %d pages lost their rights meanwhile, %d accesses stopped;"
                        + " the last one:%n%s",
                engine, runs, looks, stopped, said);
    }
}
