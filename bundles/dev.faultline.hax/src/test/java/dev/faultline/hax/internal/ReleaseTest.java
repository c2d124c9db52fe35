// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.hax.HaxOp;
import dev.faultline.api.hax.HaxPlatform;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.cpu.interpreter.internal.InterpreterFactory;
import dev.faultline.fault.thrown.internal.ThrownPropagation;
import dev.faultline.memory.internal.GuestMemoryFactoryComponent;
import dev.faultline.mmu.internal.PagingMmuFactory;
import dev.faultline.protection.internal.RamProtectionFactoryComponent;
import dev.faultline.testkit.cpu.FakeEngines;
import dev.faultline.testkit.memory.NoHost;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Whatever a part throws when it is given back: the others are given back too. */
class ReleaseTest {
    /** Calls that give something back, and attach, in order. */
    private final List<String> log = new ArrayList<>();

    /** Those that throw after they have done their work. */
    private final Set<String> failing = new HashSet<>();

    private boolean none;
    private final Services services =
            new Services(
                    bits ->
                            told(
                                    GuestMemory.class,
                                    new GuestMemoryFactoryComponent(new NoHost()).create(bits),
                                    "memory"),
                    memory ->
                            told(
                                    RamProtection.class,
                                    new RamProtectionFactoryComponent().create(memory),
                                    "protection"),
                    (memory, protection) -> {
                        failed("mmu.create");
                        return told(
                                Mmu.class,
                                new PagingMmuFactory().create(memory, protection),
                                "mmu");
                    },
                    engines(),
                    new ThrownPropagation());

    private VcpuEngineFactory engines() {
        VcpuEngineFactory real = new InterpreterFactory();
        return new FakeEngines(
                real.name(),
                real.cpuid(),
                v -> {
                    failed("engine.create");
                    return none ? null : told(VcpuEngine.class, real.create(v), "engine");
                });
    }

    private void failed(String call) {
        if (failing.contains(call)) {
            throw new AssertionError(call + " on purpose");
        }
    }

    private <T> T told(Class<T> type, T real, String name) {
        return type.cast(
                Proxy.newProxyInstance(
                        type.getClassLoader(),
                        new Class<?>[] {type},
                        (self, method, a) -> {
                            String call = name + "." + method.getName();
                            if (Set.of("close", "attach", "detach").contains(method.getName())) {
                                log.add(call);
                            }
                            try {
                                method.setAccessible(true);
                                Object result = method.invoke(real, a);
                                failed(call);
                                return result;
                            } catch (InvocationTargetException e) {
                                throw e.getCause();
                            }
                        }));
    }

    private Driver driver() {
        return new Driver(services, HaxPlatform.LINUX, false, d -> log.add("closed"));
    }

    private long vm(Driver d) {
        var id = Client.buffer(4);
        ioctl(d, d.open(HaxPlatform.LINUX.moduleDevice()), HaxOp.CREATE_VM, id);
        return d.open(HaxPlatform.LINUX.vmDevice(id.getInt(0)));
    }

    private static int ioctl(Driver d, long handle, HaxOp op, java.nio.ByteBuffer arg) {
        return d.ioctl(handle, op.code(HaxPlatform.LINUX).orElseThrow(), arg);
    }

    @Test
    void eachPartOfEachVmIsGivenBackWhateverTheOneBeforeDid() {
        Driver d = driver();
        for (int i = 0; i < 2; i++) {
            long vm = vm(d);
            assertThat(ioctl(d, vm, HaxOp.VCPU_CREATE, Client.buffer(4).putInt(0, 0))).isZero();
            assertThat(ioctl(d, vm, HaxOp.VCPU_CREATE, Client.buffer(4).putInt(0, 1))).isZero();
        }
        log.clear();
        failing.addAll(
                List.of(
                        "engine.close",
                        "mmu.detach",
                        "mmu.close",
                        "protection.close",
                        "memory.close"));

        d.close();

        List<String> one =
                List.of(
                        "engine.close",
                        "mmu.detach",
                        "engine.close",
                        "mmu.detach",
                        "mmu.close",
                        "protection.close",
                        "memory.close");
        List<String> all = new ArrayList<>(one);
        all.addAll(one);
        all.add("closed");
        assertThat(log).isEqualTo(all);
    }

    @Test
    void aVcpuThatCannotBeMadeLeavesNothingBehind() {
        Driver d = driver();
        long vm = vm(d);
        failing.add("engine.create");
        assertThatThrownBy(() -> ioctl(d, vm, HaxOp.VCPU_CREATE, Client.buffer(4)))
                .hasMessageContaining("engine.create on purpose");
        failing.clear();
        none = true;
        assertThatThrownBy(() -> ioctl(d, vm, HaxOp.VCPU_CREATE, Client.buffer(4)))
                .hasMessageContaining("engine")
                .hasMessageContaining(FakeEngines.class.getName());
        assertThat(log).containsExactly("mmu.attach", "mmu.detach", "mmu.attach", "mmu.detach");

        none = false;
        assertThat(ioctl(d, vm, HaxOp.VCPU_CREATE, Client.buffer(4))).isZero();
        d.close();
    }

    @Test
    void aVmThatCannotBeMadeLeavesNothingBehind() {
        Driver d = driver();
        failing.add("mmu.create");
        assertThatThrownBy(() -> vm(d)).hasMessageContaining("mmu.create on purpose");
        assertThat(log).containsExactly("protection.close", "memory.close");

        failing.clear();
        assertThat(vm(d)).isPositive();
        d.close();
    }
}
