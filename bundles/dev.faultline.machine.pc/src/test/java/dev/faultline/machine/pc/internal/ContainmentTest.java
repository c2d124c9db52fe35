// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.testkit.cpu.FakeEngines;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Whatever the parts of a machine throw when they are made, exchanged or released: what they had is
 * released, and a machine that runs goes on with its former parts.
 */
class ContainmentTest extends FailingParts {
    @ParameterizedTest
    @EnumSource(Thrown.class)
    void whateverAReleaseThrowsTheRestIsReleased(Thrown what) throws Exception {
        open();
        thrown = what;
        failing.addAll(
                Set.of(
                        "device.close",
                        "engine.close",
                        "chips.close",
                        "mmu.detach",
                        "mmu.close",
                        "protection.close",
                        "memory.close"));
        device("bad", Bad::new);
        Machine m = create("bad");
        m.start();

        m.close();

        assertThat(memories).hasValue(0);
        assertThat(services.log).contains("close chips", "close one");
        m.close();
    }

    @Test
    void factoriesThatGiveNothingAreRefused() {
        open();
        device("none", board -> null);
        assertThatThrownBy(() -> create("none"))
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("device none")
                .hasMessageContaining("made none (null)")
                .hasMessageContaining(getClass().getName());
        registry.bindEngine(new FakeEngines("empty", services.one.cpuid(), v -> null), Map.of());
        assertThatThrownBy(() ->
                        factory.create(
                                new MachineConfig("vm", 8 << 20, 1, "empty", "coded", List.of())))
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("engine of vCPU 0")
                .hasMessageContaining("made none (null)");
    }

    @Test
    void anInterruptedThreadClosesAMachineAndItsMemoryIsReleased() throws Exception {
        open();
        Machine m = create();
        m.start();

        Thread.currentThread().interrupt();
        try {
            m.close();
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }

        assertThat(memories).hasValue(0);
        assertThat(factory.machines()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(Thrown.class)
    void anEngineThatCannotBeMadeLeavesTheFormerOne(Thrown what) throws Exception {
        open();
        AtomicInteger made = new AtomicInteger();
        registry.bindEngine(
                new FakeEngines(
                        "broken",
                        services.one.cpuid(),
                        v -> made.getAndIncrement() == 0 ? services.one.create(v) : what.now()),
                Map.of());
        Machine m = factory.create(new MachineConfig("vm", 8 << 20, 2, "one", "coded", List.of()));
        m.start();

        assertThatThrownBy(() -> m.swapEngine("broken"))
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("engine broken")
                .hasMessageContaining("engine one and fault style coded go on");

        assertThat(m.engine()).isEqualTo("one");
        assertThat(m.running()).isTrue();
        long before = m.statistics().instructions();
        while (m.statistics().instructions() == before) {
            assertThat(m.running()).isTrue();
            Thread.onSpinWait();
        }
    }

    /** Neither the next one can be made nor the former one a second time. */
    @ParameterizedTest
    @EnumSource(Thrown.class)
    void aMachineThatIsLeftWithoutAnEngineSaysSo(Thrown what) throws Exception {
        open();
        AtomicInteger made = new AtomicInteger();
        registry.bindEngine(
                new FakeEngines(
                        "once",
                        services.one.cpuid(),
                        v -> made.getAndIncrement() < 2 ? services.one.create(v) : what.now()),
                Map.of());
        registry.bindEngine(
                new FakeEngines("broken", services.one.cpuid(), v -> what.now()), Map.of());
        Machine m = factory.create(new MachineConfig("vm", 8 << 20, 2, "once", "coded", List.of()));
        m.start();

        assertThatThrownBy(() -> m.swapEngine("broken"))
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("engine broken")
                .hasMessageContaining("the engine cannot be made again either");
        assertThat(m.await(LONG).toString())
                .contains("the engine failed", "there is none, its factory could not make it");

        m.swapEngine("one");
        m.start();
        assertThat(m.running()).isTrue();
    }

    /** The second of two vCPUs cannot be attached to the translation that comes. */
    @ParameterizedTest
    @EnumSource(Thrown.class)
    void aTranslationThatFailsHalfWayLeavesTheFormerOne(Thrown what) throws Exception {
        open();
        List<String> log = new CopyOnWriteArrayList<>();
        MmuFactory broken =
                (memory, rights) ->
                        (Mmu)
                                Proxy.newProxyInstance(
                                        Mmu.class.getClassLoader(),
                                        new Class<?>[] {Mmu.class},
                                        (self, method, a) -> {
                                            log.add(method.getName());
                                            return method.getName().equals("attach")
                                                            && ((VcpuContext) a[0]).index == 1
                                                    ? what.now()
                                                    : null;
                                        });
        PcMachine m =
                (PcMachine)
                        factory.create(
                                new MachineConfig("vm", 8 << 20, 2, "one", "coded", List.of()));
        Mmu before = m.bindings().mmu();
        m.start();

        registry.unbindMmu(mmu);
        registry.bindMmu(broken, Map.of());
        opened.bind(broken);

        assertThat(m.await(LONG).toString()).contains("the new protection or translation failed");
        assertThat(log).containsExactly("attach", "attach", "close");
        assertThat(m.bindings().mmu()).isSameAs(before);
        assertThat(m.vcpus()).allSatisfy(v -> assertThat(((VcpuContext) v).mmu).isSameAs(before));
        registry.unbindMmu(broken);
        registry.bindMmu(mmu, Map.of());
        opened.bind(mmu);
        m.start();
        assertThat(m.running()).isTrue();
    }
}
