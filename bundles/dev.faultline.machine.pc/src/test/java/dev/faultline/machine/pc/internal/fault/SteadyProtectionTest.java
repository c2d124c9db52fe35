// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.ProtectionListener;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.protection.RestrictedRange;
import dev.faultline.api.protection.Rights;
import dev.faultline.machine.pc.internal.PcMachine;
import dev.faultline.machine.pc.internal.board.MachineRam;
import dev.faultline.memory.internal.GuestMemoryFactoryComponent;
import dev.faultline.platform.posix.internal.PosixHostMemoryComponent;
import dev.faultline.protection.internal.RamProtectionFactoryComponent;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A machine's protection over one provider's after the other's. */
class SteadyProtectionTest {
    private static final long RAM = 16 << 20;
    private static final int PAGES = (int) (RAM >>> 12);

    private final GuestMemory memory =
            new GuestMemoryFactoryComponent(new PosixHostMemoryComponent()).create(40);

    /** Every protection that was made, in order. */
    private final List<RamProtection> made = new CopyOnWriteArrayList<>();

    private final RamProtectionFactory provider =
            m -> {
                RamProtection p = new RamProtectionFactoryComponent().create(m);
                made.add(p);
                return p;
            };
    private final SteadyProtection steady;

    SteadyProtectionTest() throws Exception {
        MachineRam.map(memory, RAM, PcMachine.OWN_RAM);
        steady = new SteadyProtection(memory, provider);
    }

    @AfterEach
    void close() {
        steady.close();
        memory.close();
    }

    private static List<String> ranges(ProtectionLayer l) {
        List<String> all = new ArrayList<>();
        for (RestrictedRange r = l.nextRange(0); r != null; r = l.nextRange(r.end())) {
            all.add("%x+%x %d".formatted(r.gpa(), r.size(), r.rights()));
        }
        return all;
    }

    @Test
    void layersRightsAndHandlersMove() {
        FaultHandler handler = (name, fault) -> Resolution.RETRY;
        ProtectionLayer user = steady.userLayer();
        ProtectionLayer lazy = steady.addLayer("lazy", handler);
        ProtectionLayer gone = steady.addLayer("gone", null);
        gone.protect(0, RAM, Rights.NONE);
        gone.close();
        ProtectionLayer dirty = steady.addLayer("dirty", null);
        user.protect(0x3000, 0x2000, Rights.R);
        user.protect(0x5000, 1, Rights.X);
        lazy.protect(0x20_0000, 0x40_0000, Rights.NONE);
        lazy.protect(0x30_0000, 0x1000, Rights.RWX);
        dirty.protect(0, RAM, Rights.R | Rights.X);
        List<ProtectionLayer> layers = steady.layers();
        List<String> before =
                layers.stream()
                        .map(SteadyProtectionTest::ranges)
                        .toList()
                        .toString()
                        .lines()
                        .toList();

        steady.renew(provider);

        assertThat(made).hasSize(2);
        assertThat(made.getFirst().layers()).as("the old one is closed").isEmpty();
        assertThat(steady.layers()).isEqualTo(layers).containsExactly(user, lazy, dirty);
        assertThat(made.getLast().layers())
                .extracting(ProtectionLayer::name)
                .containsExactly("user", "lazy", "dirty");
        assertThat(layers.stream().map(SteadyProtectionTest::ranges).toList().toString().lines())
                .containsExactlyElementsOf(before);
        assertThat(steady.handlerOf(lazy)).isSameAs(handler);
        assertThat(made.getLast().handlerOf(made.getLast().layers().get(1))).isSameAs(handler);
        assertThat(steady.handlerOf(dirty)).isNull();
        assertThat(steady.rightsOf(3)).isEqualTo(Rights.R);
        assertThat(steady.rightsOf(5)).isEqualTo(Rights.X);
        assertThat(steady.rightsOf(0x200)).isEqualTo(Rights.NONE);
        assertThat(steady.rightsOf(0x300)).isEqualTo(Rights.R | Rights.X);
        assertThat(steady.forbiddingLayers(0x200, Rights.W)).isEqualTo(0b110);

        // What strangers hold goes on working, and ends.
        lazy.protectPage(0x200, Rights.RWX);
        assertThat(made.getLast().rightsOf(0x200)).isEqualTo(Rights.R | Rights.X);
        lazy.close();
        lazy.close();
        assertThat(steady.layers()).containsExactly(user, dirty);
        assertThat(made.getLast().layers()).hasSize(2);
        assertThatThrownBy(() -> steady.addLayer("dirty", null))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(user::close).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> steady.handlerOf(made.getLast().userLayer()))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void listenersAreToldByTheNewOneAndNotOfTheExchange() {
        List<String> told = new ArrayList<>();
        ProtectionListener l = (gpa, size) -> told.add("%x+%x".formatted(gpa, size));
        steady.addListener(l);
        steady.addListener(l);
        steady.userLayer().protect(0x3000, 0x1000, Rights.NONE);

        steady.renew(provider);

        assertThat(told).containsExactly("3000+1000");
        steady.userLayer().protect(0x4000, 0x1000, Rights.NONE);
        assertThat(told).containsExactly("3000+1000", "4000+1000");
        steady.removeListener(l);
        steady.userLayer().protect(0x5000, 0x1000, Rights.NONE);
        assertThat(told).hasSize(2);
    }

    @Test
    void aProviderThatFailsLeavesEverythingAsItIs() {
        steady.userLayer().protect(0x3000, 0x1000, Rights.NONE);
        assertThatThrownBy(() ->
                        steady.renew(m -> {
                            throw new IllegalStateException("broken provider");
                        }))
                .hasMessage("broken provider");
        assertThat(steady.rightsOf(3)).isEqualTo(Rights.NONE);
        steady.userLayer().protect(0x3000, 0x1000, Rights.RWX);
        assertThat(steady.rightsOf(3)).isEqualTo(Rights.RWX);
    }

    /** Two threads change their pages while the provider is exchanged: no change is lost. */
    @Test
    void noChangeIsLost() throws Exception {
        int rounds = 300;
        AtomicBoolean stop = new AtomicBoolean();
        AtomicReference<Throwable> failed = new AtomicReference<>();
        Thread[] threads = new Thread[2];
        int[][] wanted = new int[2][PAGES];
        for (int t = 0; t < 2; t++) {
            int self = t;
            SplittableRandom random = new SplittableRandom(t);
            ProtectionLayer layer = steady.addLayer("t" + t, null);
            java.util.Arrays.fill(wanted[t], Rights.RWX);
            threads[t] =
                    Thread.ofPlatform()
                            .start(() -> {
                                try {
                                    while (!stop.get()) {
                                        int gfn = random.nextInt(0xA0);
                                        int rights = random.nextInt(8);
                                        layer.protectPage(gfn, rights);
                                        wanted[self][gfn] = rights;
                                        assertThat(layer.rightsOf(gfn)).isEqualTo(rights);
                                    }
                                } catch (Throwable e) { // told to the test's thread
                                    failed.set(e);
                                }
                            });
        }
        for (int i = 0; i < rounds; i++) {
            steady.renew(provider);
        }
        stop.set(true);
        for (Thread t : threads) {
            t.join();
        }
        assertThat(failed.get()).isNull();
        assertThat(made).hasSize(rounds + 1);
        for (int gfn = 0; gfn < 0xA0; gfn++) {
            assertThat(steady.rightsOf(gfn)).isEqualTo(wanted[0][gfn] & wanted[1][gfn]);
        }
    }
}
