// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.sweep;

import dev.faultline.api.cpu.GuestBus;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.cpu.x86.state.StandardCpuid;
import dev.faultline.fault.coded.internal.CodedPropagation;
import dev.faultline.fault.thrown.internal.ThrownPropagation;
import dev.faultline.memory.internal.GuestMemoryFactoryComponent;
import dev.faultline.mmu.internal.PagingMmuFactory;
import dev.faultline.protection.internal.RamProtectionFactoryComponent;
import dev.faultline.testkit.cpu.FakeInterrupts;
import dev.faultline.testkit.cpu.StoppedClock;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * One vCPU with everything real around it: engine, MMU, protection, slots, fault styles. 256 KiB of
 * RAM with a hole for a device, which answers every read with something else and, as ports do,
 * writes down who asked.
 */
final class SweepMachine implements AutoCloseable {
    static final int RAM = 0x4_0000;

    /**
     * Device space, in guest-physical and (paging only swaps neighbouring pages) in linear
     * addresses.
     */
    static final int DEVICE = 0x1_E000;

    static final int DEVICE_END = 0x2_0000;

    /** Paging structures. */
    static final int TABLES = 0x3_0000;

    static final int TABLES_END = 0x3_4000;

    final VcpuContext v = new VcpuContext(0);
    private final FakeInterrupts interrupts = new FakeInterrupts();

    /** What waits when a run begins, or -1. */
    int vector = -1;

    /** Whether an NMI does. */
    boolean nmi;

    private final Arena arena = Arena.ofShared();
    final GuestMemory memory;
    private final RamProtection protection;
    private final Mmu mmu;
    final ProtectionLayer rights;
    final MemorySegment ram;
    final VcpuEngine engine;
    final FaultPropagation[] styles = {new CodedPropagation(), new ThrownPropagation()};

    /** Device and port accesses of the run, in order. */
    final List<String> log = new ArrayList<>();

    private final Map<Long, Integer> reads = new HashMap<>();

    SweepMachine(VcpuEngineFactory engines) {
        memory = new GuestMemoryFactoryComponent(new Host()).create(StandardCpuid.PHYSICAL_BITS);
        RamBlock block = memory.addBlock("ram", RAM);
        memory.map(0, DEVICE, block, 0, false);
        memory.map(DEVICE_END, RAM - DEVICE_END, block, DEVICE_END, false);
        ram = MemorySegment.ofAddress(block.hva()).reinterpret(RAM);
        protection = new RamProtectionFactoryComponent().create(memory);
        rights = protection.userLayer();
        mmu = new PagingMmuFactory().create(memory, protection);
        v.mmu = mmu;
        v.bus = new Bus();
        v.interrupts = interrupts;
        v.clock = new StoppedClock(5, 0x1_0000_0005L);
        v.propagation = styles[0];
        v.bindThread(Thread.currentThread());
        mmu.attach(v);
        v.reset(engines.cpuid());
        engine = engines.create(v);
    }

    /** Starts a run: nothing protected. */
    void begin(SweepState state, MemorySegment image, int style) {
        rights.protect(0, RAM, 7);
        MemorySegment.copy(image, 0, ram, 0, RAM);
        mmu.codeWritten(0, RAM);
        v.propagation = styles[style];
        state.restore(v);
        v.take(-1);
        v.forgetAccess(); // what a stopped instruction read from devices
        log.clear();
        reads.clear();
        interrupts.vector = vector;
        interrupts.nmi = nmi;
    }

    @Override
    public void close() {
        engine.close();
        mmu.detach(v);
        mmu.close();
        protection.close();
        memory.close();
        arena.close();
    }

    private final class Host implements HostMemory {
        @Override
        public int pageSize() {
            return 0x1000;
        }

        @Override
        public HostRegion reserve(long bytes) {
            long address = arena.allocate(bytes, 0x1000).address();
            return new HostRegion() {
                @Override
                public long address() {
                    return address;
                }

                @Override
                public long size() {
                    return bytes;
                }

                @Override
                public void discard(long offset, long length) {
                    throw new AssertionError("discard %x+%x".formatted(offset, length));
                }

                @Override
                public long residentBytes() {
                    return bytes;
                }

                @Override
                public void close() {
                    // The arena has it.
                }
            };
        }
    }

    /**
     * A second read of the same thing gives something else, so that doing it twice cannot go
     * unnoticed.
     */
    private long answer(long what) {
        long n = reads.merge(what, 1, Integer::sum);
        return (what * 31 + n) * 0x9E37_79B9_7F4A_7C15L;
    }

    private final class Bus implements GuestBus {
        @Override
        public int portIn(int port, int size) {
            int x = (int) (answer(port | 1L << 32) >>> 64 - 8 * size);
            log.add("in %x %d = %x".formatted(port, size, x));
            return x;
        }

        @Override
        public void portOut(int port, int size, int value) {
            log.add("out %x %d %x".formatted(port, size, value));
        }

        @Override
        public long mmioRead(long gpa, int size) {
            long x = answer(gpa) >>> 64 - 8 * size;
            if ((gpa & 8) != 0) {
                x &= 0xFB00_00FBL | (gpa & 0x10) << 16; // often a selector that exists
            }
            log.add("read %x %d = %x".formatted(gpa, size, x));
            return x;
        }

        @Override
        public void mmioWrite(long gpa, int size, long value) {
            log.add("write %x %d %x".formatted(gpa, size, value));
        }
    }
}
