// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static dev.faultline.machine.pc.internal.FakeServices.retire;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.machine.pc.internal.fault.FaultPolicy;
import dev.faultline.testkit.HangGuard;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** Who is asked about a fault, in which order, and what the machine does with the answer. */
class PcMachineFaultsTest extends OneMachine {
    private static FakeServices.Instruction access(FakeServices services, long gpa, int right) {
        return v -> {
            int rights = services.protection.rightsOf(gpa >>> 12);
            if ((rights & right) == 0) {
                v.fault.protectedPage(
                        right, rights, FaultOrigin.DATA, gpa, gpa, -1, PendingFault.FINAL_ACCESS);
                v.fault.rip = v.rip;
                return VcpuLoop.EXIT_FAULT;
            }
            v.instructions++;
            return 0;
        };
    }

    @Test
    void theForbiddingLayersHandlerIsAskedFirst() throws Exception {
        List<String> asked = new ArrayList<>();
        ProtectionLayer[] layer = new ProtectionLayer[1];
        machine(1);
        layer[0] =
                machine.protection()
                        .addLayer(
                                "lazy",
                                (m, f) -> {
                                    asked.add(
                                            m
                                                    + " "
                                                    + Long.toHexString(f.gpa())
                                                    + " attempt "
                                                    + f.attempt());
                                    layer[0].protectPage(f.gfn(), Rights.RWX);
                                    return Resolution.RETRY;
                                });
        layer[0].protect(0x5000, 4096, Rights.NONE);
        services.handlers.put((m, f) -> Resolution.STOP, Map.of());
        CountDownLatch done = new CountDownLatch(1);
        services.then(access(services, 0x5010, Rights.W), retire(done::countDown));
        machine.start();
        HangGuard.await(done, "event done");
        assertThat(asked).containsExactly("test 5010 attempt 1");
        assertThat(machine.statistics().faults()).isEqualTo(1);
        assertThat(machine.statistics().resolvedByHandlers()).isEqualTo(1);
        assertThat(machine.statistics().faultsByAccess())
                .containsEntry("W", 1L)
                .containsEntry("R", 0L);
        assertThat(machine.statistics().faultsByOrigin()).containsEntry(FaultOrigin.DATA, 1L);
    }

    @Test
    void theWhiteboardIsAskedByRankingRangeAndAccess() throws Exception {
        List<String> asked = new ArrayList<>();
        services.handlers.put(named("low", asked, Resolution.PASS), Map.of("service.ranking", 1));
        services.handlers.put(named("high", asked, Resolution.PASS), Map.of("service.ranking", 9));
        services.handlers.put(
                named("elsewhere", asked, Resolution.PASS),
                Map.of(FaultHandler.GPA_START, 0x6000L, FaultHandler.GPA_SIZE, 0x1000L));
        services.handlers.put(
                named("fetches", asked, Resolution.PASS),
                Map.of(FaultHandler.ACCESS_MASK, Rights.X));
        services.handlers.put(
                (m, f) -> {
                    throw new IllegalStateException("a broken handler");
                },
                Map.of("service.ranking", 5));
        services.protection.userLayer().protect(0x5000, 1, Rights.R);
        services.then(access(services, 0x5FF8, Rights.W));
        machine(1).start();
        VcpuExit exit = machine.await(LONG);
        assertThat(asked).containsExactly("high", "low");
        assertThat(exit).isInstanceOf(VcpuExit.Fault.class);
        assertThat(((VcpuExit.Fault) exit).fault().gpa()).isEqualTo(0x5FF8);
        assertThat(((VcpuExit.Fault) exit).fault().rights()).isEqualTo(Rights.R);
    }

    private static FaultHandler named(String name, List<String> asked, Resolution answer) {
        return (m, f) -> {
            asked.add(name);
            return answer;
        };
    }

    @Test
    void theCallerResolvesAndTheInstructionRunsAgain() throws Exception {
        services.protection.userLayer().protect(0x5000, 1, Rights.NONE);
        CountDownLatch done = new CountDownLatch(1);
        services.then(access(services, 0x5000, Rights.R), retire(done::countDown));
        machine(1).start();
        assertThat(machine.await(LONG)).isInstanceOf(VcpuExit.Fault.class);
        machine.protection().userLayer().protect(0x5000, 1, Rights.RWX);
        machine.start();
        HangGuard.await(done, "event done");
    }

    @Test
    void attemptsCountFaultsWithoutProgress() throws Exception {
        List<Integer> attempts = new ArrayList<>();
        services.handlers.put(
                (m, f) -> {
                    attempts.add(f.attempt());
                    return f.attempt() == 3 ? Resolution.STOP : Resolution.RETRY;
                },
                Map.of());
        services.protection.userLayer().protect(0x5000, 1, Rights.NONE);
        services.then(access(services, 0x5000, Rights.R));
        machine(1).start();
        machine.await(LONG);
        assertThat(attempts).containsExactly(1, 2, 3);
    }

    /** A handler that never opens the page must not keep the machine from stopping. */
    @Test
    void aLivelockObeysThePause() throws Exception {
        CountDownLatch asked = new CountDownLatch(3);
        services.handlers.use(
                FaultPolicy.of(600_000, 3, Integer.MAX_VALUE)); // or it stops by itself
        services.handlers.put(
                (m, f) -> {
                    asked.countDown();
                    return Resolution.RETRY;
                },
                Map.of());
        services.protection.userLayer().protect(0x5000, 1, Rights.NONE);
        services.then(access(services, 0x5000, Rights.R));
        machine(1).start();
        HangGuard.await(asked, "the handler is asked again and again");
        machine.pause("enough");
        assertThat(machine.await(LONG)).isEqualTo(new VcpuExit.Paused("enough"));
    }

    @Test
    void aHandlerMayQuiesceAndPauseItsMachine() throws Exception {
        services.handlers.put(
                (m, f) -> {
                    machine.quiesce(
                            () -> services.protection.userLayer().protectPage(f.gfn(), Rights.RWX));
                    return Resolution.RETRY;
                },
                Map.of());
        services.protection.userLayer().protect(0x5000, 1, Rights.NONE);
        CountDownLatch done = new CountDownLatch(1);
        services.then(access(services, 0x5000, Rights.R), retire(done::countDown));
        machine(2).start();
        HangGuard.await(done, "event done");
    }
}
