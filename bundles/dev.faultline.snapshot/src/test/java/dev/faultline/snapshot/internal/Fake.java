// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.address.Page;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.RamSource;
import dev.faultline.memory.internal.GuestMemoryFactoryComponent;
import dev.faultline.platform.posix.internal.PosixHostMemoryComponent;
import dev.faultline.protection.internal.RamProtectionFactoryComponent;
import dev.faultline.testkit.StubMachine;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/** A machine of real memory and real protection without a CPU: the test makes the accesses. */
final class Fake implements AutoCloseable {
    static final int PAGE = Page.SIZE;

    static final HostMemory HOST = new PosixHostMemoryComponent();

    final GuestMemory memory = new GuestMemoryFactoryComponent(HOST).create(40);
    final RamProtection protection = new RamProtectionFactoryComponent().create(memory);
    final RamBlock ram;
    final RamBlock rom;
    final Machine machine = new Standing();
    private final MachineConfig config;
    List<StateSection> state = List.of();

    /** Of the last access that was stopped. */
    volatile String lastReason;

    /** Done in each pause before its action. */
    Runnable inPause = () -> {};

    /** Shared by threads that write: exclusive in a pause. */
    private final ReentrantReadWriteLock running = new ReentrantReadWriteLock();

    /** Shared by single accesses: a restriction waits for those that saw the old rights. */
    private final ReentrantReadWriteLock accesses = new ReentrantReadWriteLock();

    /** RAM at 0, and 5 pages of ROM at 4 GiB, which puts groups across two blocks. */
    Fake(int pages) {
        this(pages, 5);
    }

    Fake(int pages, int romPages) {
        this(pages, romPages, (block, bytes) -> null);
    }

    Fake(int pages, int romPages, RamSource source) {
        ram = block("ram", pages, source);
        rom = block("rom", romPages, source);
        memory.map(0, ram.size(), ram, 0, false);
        memory.map(1L << 32, rom.size(), rom, 0, true);
        protection.addListener((gpa, size) -> {
            accesses.writeLock().lock();
            accesses.writeLock().unlock();
        });
        config = new MachineConfig("fake", ram.size(), 1, "none", "coded", List.of("serial"));
    }

    private final class Standing extends StubMachine {
        @Override
        public MachineConfig config() {
            return config;
        }

        @Override
        public GuestMemory memory() {
            return memory;
        }

        @Override
        public RamProtection protection() {
            return protection;
        }

        @Override
        public List<StateSection> saveState() {
            return state;
        }

        @Override
        public void loadState(List<StateSection> sections) {
            state = List.copyOf(sections);
        }

        @Override
        public void quiesce(Runnable action) {
            Fake.this.quiesce(action);
        }

        @Override
        public void close() {
            Fake.this.close();
        }

        @Override
        public String toString() {
            return "fake machine";
        }
    }

    private void quiesce(Runnable action) {
        boolean nested = running.isWriteLockedByCurrentThread();
        running.writeLock().lock();
        try {
            if (!nested) {
                inPause.run();
            }
            action.run();
        } finally {
            running.writeLock().unlock();
        }
    }

    /** One store as a vCPU makes it, from any thread. */
    void store(long gpa, long value) {
        running.readLock().lock();
        try {
            while (!tryStore(gpa, value)) {
                fault(gpa, Rights.W);
            }
        } finally {
            running.readLock().unlock();
        }
    }

    private boolean tryStore(long gpa, long value) {
        accesses.readLock().lock();
        try {
            boolean may = (protection.rightsOf(gpa >>> 12) & Rights.W) != 0;
            if (may) {
                HostBytes.put64(memory.hvaOf(gpa), value);
            }
            return may;
        } finally {
            accesses.readLock().unlock();
        }
    }

    private RamBlock block(String name, int pages, RamSource source) {
        HostRegion given = source.region(name, (long) pages * PAGE);
        return given == null
                ? memory.addBlock(name, (long) pages * PAGE)
                : memory.addBlock(name, given);
    }

    int pages() {
        return (int) ((ram.size() + rom.size()) / PAGE);
    }

    long gpaOf(int page) {
        int inRam = (int) (ram.size() / PAGE);
        return page < inRam ? (long) page * PAGE : (1L << 32) + (long) (page - inRam) * PAGE;
    }

    /** Page contents without asking protection. */
    byte[] peek(int page) {
        byte[] b = new byte[PAGE];
        HostBytes.copyOut(memory.hvaOf(gpaOf(page)), b, 0, PAGE);
        return b;
    }

    void poke(int page, byte[] b) {
        HostBytes.copyIn(b, 0, memory.hvaOf(gpaOf(page)), PAGE);
    }

    /**
     * Makes an access as a vCPU does: faults until the page allows it. Returns false if a handler
     * said STOP.
     */
    boolean touch(int page, int access) {
        long gpa = gpaOf(page);
        for (int i = 0; (protection.rightsOf(gpa >>> 12) & access) == 0; i++) {
            if (i > 3) {
                throw new AssertionError("page " + page + " does not open");
            }
            if (!fault(gpa, access)) {
                return false;
            }
        }
        return true;
    }

    private boolean fault(long gpa, int access) {
        PendingFault p = new PendingFault();
        p.protectedPage(access, 0, FaultOrigin.DATA, gpa, 0, memory.hvaOf(gpa), 0);
        for (ProtectionLayer l : protection.layers()) {
            var handler = l.rightsOf(gpa >>> 12) == Rights.RWX ? null : protection.handlerOf(l);
            if (handler != null && (l.rightsOf(gpa >>> 12) & access) == 0) {
                Resolution r = handler.onFault(l.name(), new PageFault().set(0, p));
                if (r.kind() == Resolution.Kind.STOP) {
                    lastReason = r.reason();
                    return false;
                }
            }
        }
        return true;
    }

    /** As the guest sees a page, or null if its access was stopped. */
    byte[] read(int page) {
        return touch(page, Rights.R) ? peek(page) : null;
    }

    void write(int page, byte[] b) {
        if (!touch(page, Rights.W)) {
            throw new AssertionError("write to page " + page + " was stopped");
        }
        poke(page, b);
    }

    /** Zero, patterned, compressible, random and repeated pages. */
    Fake fill(long seed) {
        Random r = new Random(seed);
        for (int p = 0; p < pages(); p++) {
            int kind = r.nextInt(8);
            if (kind < 5 && p % 700 < 600) {
                poke(p, page(r.nextInt(1000), kind));
            }
        }
        StateSection s = new StateSection("cpu0", 3);
        s.put("rip", 0xFFFF_8000_1234_5678L);
        s.put("name", "ärger");
        s.put("regs", new long[] {seed, -1, Long.MIN_VALUE});
        state = List.of(s);
        return this;
    }

    /** Kind 0: noise, 1: text, 2: an eight byte pattern, 3: mostly zero, 4: one of few. */
    static byte[] page(long seed, int kind) {
        byte[] b = new byte[PAGE];
        Random r = new Random(seed * 8 + kind);
        switch (kind) {
            case 0, 4 -> {
                new Random(kind == 4 ? seed % 3 : seed).nextBytes(b);
            }
            case 1 -> {
                for (int i = 0; i < PAGE; i++) {
                    b[i] = (byte) ("a line of text " + seed + "\n").charAt(i % 15);
                }
                b[r.nextInt(PAGE)]++;
            }
            case 2 -> {
                byte[] eight = new byte[8];
                r.nextBytes(eight);
                for (int i = 0; i < PAGE; i++) {
                    b[i] = eight[i % 8];
                }
            }
            default -> b[r.nextInt(PAGE)] = (byte) (1 + r.nextInt(255));
        }
        return b;
    }

    byte[][] all() {
        byte[][] all = new byte[pages()][];
        Arrays.setAll(all, this::peek);
        return all;
    }

    @Override
    public void close() {
        protection.close();
        memory.close();
    }
}
