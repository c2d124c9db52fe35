// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.machine.pc.internal.fault.FaultPolicy;
import dev.faultline.mmu.internal.PagingMmuFactory;
import dev.faultline.protection.internal.RamProtectionFactoryComponent;
import dev.faultline.testkit.HangGuard;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Layers and handlers that come and go, and rights that change, while a fault of theirs is being
 * asked about: the guest goes on as if they had come or gone before. Each interleaving is forced:
 * another thread does it while the handler waits for it.
 */
class WithdrawnWhileAskedTest {
    private static final int CODE = 0x8000;
    private static final int A = 0x5000;
    private static final Duration LONG = Duration.ofMinutes(5);

    private final RealServices services = new RealServices();
    private final List<String> asked = new CopyOnWriteArrayList<>();
    private final PcMachine machine;
    private final VcpuContext v;

    WithdrawnWhileAskedTest() throws Exception {
        machine =
                PcMachine.create(
                        new MachineConfig("test", 4 << 20, 1, "interpreter", "coded", List.of()),
                        services);
        v = (VcpuContext) machine.vcpus().get(0);
    }

    @AfterEach
    void close() {
        machine.close();
    }

    /** {@code mov al,[A]; hlt} */
    private VcpuExit run() throws InterruptedException {
        byte[] b = HexFormat.of().parseHex("a00050f4");
        HostBytes.copyIn(b, 0, machine.memory().hvaOf(CODE), b.length);
        HostBytes.put8(machine.memory().hvaOf(A), (byte) 0x42);
        v.segSel[1] = 0;
        v.segBase[1] = 0;
        v.rip = CODE;
        v.recompute();
        machine.start();
        return machine.await(LONG);
    }

    private void goesOn() throws InterruptedException {
        assertThat(run()).isInstanceOf(VcpuExit.PoweredOff.class);
        assertThat(v.gpr[0] & 0xFF).isEqualTo(0x42);
        assertThat(machine.statistics().handlersLeftOut()).isEmpty();
    }

    private static void elsewhere(Runnable what) {
        Thread t = Thread.ofPlatform().start(what);
        try {
            t.join();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** What the handler says once it is gone. */
    enum Says {
        PASS,
        STOP,
        STOP_WITH_REASON,
        NULL,
        THROW,
        DOES_NOT_FIT,
        RETRY,
        STEP;

        Resolution answer() {
            return switch (this) {
                case PASS -> Resolution.PASS;
                case STOP -> Resolution.STOP;
                case STOP_WITH_REASON -> Resolution.stop("my layer is gone");
                case NULL -> null;
                case THROW -> throw new IllegalStateException("protection layer is withdrawn");
                case DOES_NOT_FIT -> Resolution.DISCARD;
                case RETRY -> Resolution.RETRY;
                case STEP -> Resolution.STEP;
            };
        }
    }

    @ParameterizedTest
    @EnumSource(Says.class)
    void aLayerGoes(Says says) throws Exception {
        services.handlers.use(FaultPolicy.of(600_000, 1, 1000));
        ProtectionLayer[] l = new ProtectionLayer[1];
        l[0] =
                machine.protection()
                        .addLayer(
                                "a",
                                (m, f) -> {
                                    elsewhere(l[0]::close);
                                    return says.answer();
                                });
        l[0].protect(A, 1, Rights.NONE);
        goesOn();
    }

    @ParameterizedTest
    @EnumSource(Says.class)
    void aLayerGoesAndAnotherThatClosesThePageComes(Says says) throws Exception {
        services.handlers.use(FaultPolicy.of(600_000, 1, 1000));
        ProtectionLayer[] l = new ProtectionLayer[2];
        Runnable swap =
                () -> {
                    l[1] =
                            machine.protection()
                                    .addLayer(
                                            "b",
                                            (m, f) -> {
                                                asked.add("b");
                                                return Resolution.STEP;
                                            });
                    l[1].protect(A, 1, Rights.NONE);
                    l[0].close();
                };
        l[0] =
                machine.protection()
                        .addLayer(
                                "a",
                                (m, f) -> {
                                    elsewhere(swap);
                                    return says.answer();
                                });
        l[0].protect(A, 1, Rights.NONE);
        goesOn();
        assertThat(asked).containsExactly("b");
    }

    @Test
    void aLayerWithoutAHandlerGoesWhileTheWhiteboardIsAsked() throws Exception {
        ProtectionLayer l = machine.protection().addLayer("a", null);
        l.protect(A, 1, Rights.NONE);
        services.handlers.put(
                (m, f) -> {
                    elsewhere(l::close);
                    return Resolution.PASS;
                },
                Map.of());
        goesOn();
    }

    @ParameterizedTest
    @EnumSource(Says.class)
    void aHandlerIsUnregisteredAndAnotherRegistered(Says says) throws Exception {
        services.handlers.use(FaultPolicy.of(600_000, 1, 1000));
        machine.protection().userLayer().protect(A, 1, Rights.NONE);
        FaultHandler next =
                (m, f) -> {
                    asked.add("next");
                    return Resolution.STEP;
                };
        FaultHandler[] first = new FaultHandler[1];
        first[0] =
                (m, f) -> {
                    elsewhere(() -> {
                        services.handlers.remove(first[0]);
                        services.handlers.put(next, Map.of());
                    });
                    return says.answer();
                };
        services.handlers.put(first[0], Map.of());
        goesOn();
        if (says != Says.STEP) {
            assertThat(asked).containsExactly("next");
        }
    }

    @Test
    void aHandlerComesWhileAllPass() throws Exception {
        machine.protection().userLayer().protect(A, 1, Rights.NONE);
        boolean[] come = {false};
        services.handlers.put(
                (m, f) -> {
                    if (!come[0]) {
                        come[0] = true;
                        elsewhere(() -> services.handlers.put((n, g) -> Resolution.STEP, Map.of()));
                    }
                    return Resolution.PASS;
                },
                Map.of());
        goesOn();
    }

    /** The second asked becomes the first while the first is asked. */
    @Test
    void theRankingChanges() throws Exception {
        machine.protection().userLayer().protect(A, 1, Rights.NONE);
        FaultHandler second =
                (m, f) -> {
                    asked.add("second");
                    return asked.size() == 1 ? Resolution.PASS : Resolution.STEP;
                };
        boolean[] changed = {false};
        services.handlers.put(
                (m, f) -> {
                    if (!changed[0]) {
                        changed[0] = true;
                        elsewhere(() -> {
                            services.handlers.remove(second);
                            services.handlers.put(second, Map.of("service.ranking", 9));
                        });
                    }
                    return Resolution.PASS;
                },
                Map.of("service.ranking", 5));
        services.handlers.put(second, Map.of("service.ranking", 1));
        goesOn();
        assertThat(asked).containsExactly("second", "second");
    }

    @Test
    void rightsChangeButThePageStaysClosed() throws Exception {
        ProtectionLayer user = machine.protection().userLayer();
        user.protect(A, 1, Rights.NONE);
        int[] n = {0};
        services.handlers.put(
                (m, f) -> {
                    asked.add(Rights.toString(f.rights()));
                    if (n[0]++ > 0) {
                        return Resolution.STEP;
                    }
                    elsewhere(() -> user.protect(A, 1, Rights.X));
                    return Resolution.PASS;
                },
                Map.of());
        goesOn();
        assertThat(asked).containsExactly("---", "--X");
    }

    /** What a machine exchanges while it exists. */
    enum Part {
        ENGINE,
        STYLE,
        TRANSLATION,
        PROTECTION
    }

    private void swap(Part part) {
        try {
            switch (part) {
                case ENGINE -> machine.swapEngine("interpreter");
                case STYLE -> machine.swapFaultStyle("thrown");
                case TRANSLATION, PROTECTION -> {
                    if (part == Part.TRANSLATION) {
                        services.mmu = new PagingMmuFactory();
                    } else {
                        services.protection = new RamProtectionFactoryComponent();
                    }
                    machine.bindings().orphaned();
                    machine.bindings().adopted();
                }
            }
        } catch (MachineException e) {
            throw new AssertionError(e);
        }
    }

    static Stream<Arguments> swaps() {
        return Stream.of(Part.values())
                .flatMap(part ->
                        Stream.of(true, false)
                                .flatMap(itself ->
                                        Stream.of(
                                                Arguments.of(part, itself, true),
                                                Arguments.of(part, itself, false))));
    }

    /**
     * @param itself the handler swaps on the vCPU's thread; otherwise another thread is in the
     *     midst of it when the handler answers
     * @param opens the handler opens the page; otherwise it lets this access pass
     */
    @ParameterizedTest
    @MethodSource("swaps")
    void aPartIsSwapped(Part part, boolean itself, boolean opens) throws Exception {
        ProtectionLayer user = machine.protection().userLayer();
        user.protect(A, 1, Rights.NONE);
        Mmu mmu = machine.bindings().mmu();
        Thread[] other = new Thread[1];
        services.handlers.put(
                (m, f) -> {
                    asked.add(part.toString());
                    if (itself) {
                        swap(part);
                    } else {
                        other[0] = Thread.ofPlatform().start(() -> swap(part));
                        HangGuard.until(
                                "it has swapped, or waits for this vCPU",
                                () -> other[0].getState() != Thread.State.RUNNABLE);
                    }
                    if (opens) {
                        user.protect(A, 1, Rights.RWX);
                    }
                    return opens ? Resolution.RETRY : Resolution.STEP;
                },
                Map.of());

        VcpuExit exit = run();
        while (exit instanceof VcpuExit.Paused p && p.reason().contains("is gone")) {
            exit = machine.await(LONG); // it stood between the two steps of the swap
        }

        assertThat(exit).isInstanceOf(VcpuExit.PoweredOff.class);
        assertThat(v.gpr[0] & 0xFF).isEqualTo(0x42);
        if (!itself) {
            other[0].join();
        }
        assertThat(machine.bindings().mmu() != mmu).isEqualTo(part == Part.TRANSLATION);
        assertThat(machine.faultStyle()).isEqualTo(part == Part.STYLE ? "thrown" : "coded");
        assertThat(asked).containsExactly(part.toString());
        assertThat(machine.statistics().handlersLeftOut()).isEmpty();
    }

    @Test
    void aHandlerThatWithdrawsItselfMayStop() throws Exception {
        ProtectionLayer[] l = new ProtectionLayer[1];
        l[0] =
                machine.protection()
                        .addLayer(
                                "once",
                                (m, f) -> {
                                    l[0].close();
                                    return Resolution.stop("hit");
                                });
        l[0].protect(A, 1, Rights.NONE);
        assertThat(((VcpuExit.Fault) run()).reason()).isEqualTo("hit");
    }

    @Test
    void whatNobodyResolvesStopsAllTheSame() throws Exception {
        machine.protection().userLayer().protect(A, 1, Rights.NONE);
        services.handlers.put((m, f) -> Resolution.PASS, Map.of());
        assertThat(((VcpuExit.Fault) run()).reason()).isEqualTo(VcpuExit.Fault.UNRESOLVED);
        assertThat(machine.statistics().faults()).isEqualTo(1);
    }
}
