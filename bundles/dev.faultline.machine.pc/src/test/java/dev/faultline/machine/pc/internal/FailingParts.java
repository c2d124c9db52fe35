// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.Chipset;
import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.device.TimerHandle;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.testkit.HangGuard;
import dev.faultline.testkit.cpu.FakeEngines;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;

/**
 * A factory of machines whose parts throw where a test says so, and a device that does; after each
 * test all that the machines had must have been released.
 */
abstract class FailingParts {
    /** Longer than anything takes that comes to an end. */
    static final Duration LONG = HangGuard.limit();

    /** What code may throw. */
    enum Thrown {
        EXCEPTION {
            @Override
            Throwable make() {
                return new IllegalStateException("on purpose");
            }
        },
        CHECKED {
            @Override
            Throwable make() {
                return new java.io.IOException("on purpose");
            }
        },
        ERROR {
            @Override
            Throwable make() {
                return new AssertionError("on purpose");
            }
        },
        STACK {
            @Override
            Throwable make() {
                return new StackOverflowError("on purpose");
            }
        },
        /** Its own text throws. */
        UNSPEAKABLE {
            @Override
            Throwable make() {
                return new IllegalStateException() {
                    @Override
                    public String getMessage() {
                        throw new UnsupportedOperationException("no words");
                    }
                };
            }
        };

        abstract Throwable make();

        /** Throws it, declared or not. */
        <R> R now() {
            return FailingParts.<RuntimeException, R>sneak(make());
        }
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable, R> R sneak(Throwable t) throws T {
        throw (T) t;
    }

    final FakeServices services = new FakeServices();
    final MachineRegistry registry = new MachineRegistry();

    /** Guest memories that were made and are not closed. */
    final AtomicInteger memories = new AtomicInteger();

    /** Names of the methods that throw {@link #thrown} instead of doing what they do. */
    final Set<String> failing = ConcurrentHashMap.newKeySet();

    volatile Thrown thrown = Thrown.EXCEPTION;
    OpenFactory opened;
    PcMachineFactory factory;
    MmuFactory mmu;

    /** The real thing, but that {@link #failing} methods throw after they have done their work. */
    @SuppressWarnings("unchecked")
    private <T> T fragile(Class<T> type, T real, String name) {
        return (T)
                Proxy.newProxyInstance(
                        type.getClassLoader(),
                        new Class<?>[] {type},
                        (self, method, a) -> {
                            Object result;
                            try {
                                method.setAccessible(true);
                                result = method.invoke(real, a);
                            } catch (InvocationTargetException e) {
                                throw e.getCause();
                            }
                            if (method.getName().equals("close") && type == GuestMemory.class) {
                                memories.decrementAndGet();
                            }
                            return failing.contains(name + "." + method.getName())
                                    ? thrown.now()
                                    : result;
                        });
    }

    /** Makes {@link #factory}, whose parts are all fragile. */
    void open() {
        GuestMemoryFactory memory =
                bits -> {
                    memories.incrementAndGet();
                    return fragile(GuestMemory.class, services.memory().create(bits), "memory");
                };
        RamProtectionFactory protection =
                m -> fragile(RamProtection.class, services.protection().create(m), "protection");
        mmu = (m, p) -> fragile(Mmu.class, services.mmu().create(m, p), "mmu");
        ChipsetFactory chips =
                (board, host, vcpus, ram) ->
                        fragile(
                                Chipset.class,
                                services.chipset().create(board, host, vcpus, ram),
                                "chips");
        opened =
                new OpenFactory(
                        registry,
                        memory,
                        protection,
                        mmu,
                        chips,
                        PcMachineFactoryTest.config("one", "coded"));
        factory = opened.factory;
        registry.bindEngine(
                new FakeEngines(
                        "one",
                        services.one.cpuid(),
                        v -> fragile(VcpuEngine.class, services.one.create(v), "engine")),
                Map.of());
        registry.bindStyle(services.coded, Map.of());
    }

    Machine create(String... devices) throws MachineException {
        return factory.create(
                new MachineConfig("vm", 8 << 20, 1, "one", "coded", List.of(devices)));
    }

    void device(String name, DeviceFactory f) {
        registry.bindDevice(f, Map.of(DeviceFactory.NAME, name));
    }

    @AfterEach
    void nothingIsLeft() {
        factory.machines().forEach(Machine::close);
        assertThat(factory.machines()).isEmpty();
        assertThat(memories).hasValue(0);
    }

    /** Does what {@link #fragile} says at each call, by name. */
    class Bad implements PortDevice, Stateful {
        final TimerHandle alarm;

        Bad(Board board) {
            board.claimPorts(this, 0, 0x300, 1);
            alarm = board.timer(this, () -> at("alarm"));
            at("constructor");
        }

        void at(String where) {
            if (failing.contains("device." + where)) {
                thrown.now();
            }
        }

        @Override
        public String id() {
            at("id");
            return "bad";
        }

        @Override
        public int portRead(int range, int offset, int size) {
            at("portRead");
            return 7;
        }

        @Override
        public void portWrite(int range, int offset, int size, int value) {
            at("portWrite");
        }

        @Override
        public int stateVersion() {
            at("stateVersion");
            return 1;
        }

        @Override
        public boolean stateOptional() {
            at("stateOptional");
            return false;
        }

        @Override
        public void save(StateSection to) {
            at("save");
        }

        @Override
        public void load(StateSection from) {
            at("load");
        }

        @Override
        public void close() {
            at("close");
        }
    }
}
