// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineListener;
import dev.faultline.machine.pc.internal.swap.ListenerRegistry;
import dev.faultline.testkit.HangGuard;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A machine listener that throws or does not return costs no machine, and holds up nobody. */
class ListenerContainmentTest extends FailingParts {
    @ParameterizedTest
    @EnumSource(Thrown.class)
    void whateverAListenerThrowsCostsNoMachine(Thrown what) throws Exception {
        open();
        AtomicInteger told = new AtomicInteger();
        MachineListener bad =
                new MachineListener() {
                    @Override
                    public void machineCreated(Machine m) {
                        what.now();
                    }

                    @Override
                    public void machineStarting(Machine m) {
                        what.now();
                    }

                    @Override
                    public void machineClosing(Machine m) {
                        what.now();
                    }
                };
        MachineListener good =
                new MachineListener() {
                    @Override
                    public void machineClosing(Machine m) {
                        told.incrementAndGet();
                    }
                };
        registry.bindListener(bad, Map.of());
        registry.bindListener(good, Map.of());

        Machine m = create();
        m.start();
        assertThat(m.running()).isTrue();
        m.close();

        assertThat(told).hasValue(1);
        assertThat(memories).hasValue(0);
    }

    /**
     * A listener on another thread does not return: others are told of it, and wait for it once.
     */
    @Test
    void aListenerThatHangsHoldsUpNobodyElse() throws Exception {
        open();
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch out = new CountDownLatch(1);
        List<String> told = new CopyOnWriteArrayList<>();
        MachineListener hangs =
                new MachineListener() {
                    @Override
                    public void machineStarting(Machine m) {
                        in.countDown();
                        try {
                            HangGuard.await(out, "the test lets it go");
                        } catch (InterruptedException e) {
                            throw new AssertionError(e);
                        }
                        told.add("starting");
                    }

                    @Override
                    public void machineClosing(Machine m) {
                        told.add("closing");
                    }
                };
        registry.bindListener(hangs, Map.of());
        registry.use(1);
        Machine m = create();
        Thread starts = Thread.ofPlatform().start(m::start);
        HangGuard.await(in, "the listener is told");

        try (Logged log = new Logged(ListenerRegistry.class)) {
            m.close();
            registry.unbindListener(hangs);

            assertThat(log.lines())
                    .singleElement()
                    .asString()
                    .contains("machine listener " + hangs.getClass().getName())
                    .contains("has not returned", "what it was not told yet waits for it");
        }
        assertThat(memories).hasValue(0);
        out.countDown();
        starts.join();
        assertThat(told).containsExactly("starting", "closing");
    }
}
