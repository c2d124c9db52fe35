// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.machine.pc.internal.fault.FaultPolicy;
import dev.faultline.testkit.HangGuard;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Test;

/**
 * Two vCPUs count in shared, own and page-crossing words, and look at pages that come and go, while
 * four threads protect, unmap, map and swap at random. No count is lost; nothing is accessed after
 * {@code protect} or {@code unmap} returned; everybody ends.
 *
 * <p>{@code -Dfaultline.concurrency.changes=100000} makes it long, {@code
 * -Dfaultline.concurrency.seed=N} another.
 */
class ConcurrencyTest {
    /** Of each of the four kinds, at least; rounds of each vCPU too. */
    private static final int CHANGES = Integer.getInteger("faultline.concurrency.changes", 1000);

    private static final long SEED = Long.getLong("faultline.concurrency.seed", 20261122);
    private static final int THREADS = 4;

    // Guest-physical pages. Own words of vCPU n: 0x1000 + n * 0x2000, and one that crosses into the
    // next page.
    private static final int OWN = 0x1000;
    private static final int CROSSING = 0xFFE;

    /** One per thread: RAM of one of two backings, or device space. */
    private static final int COMING = 0x5000;

    private static final int CODE = 0x9000;

    /** Counted with LOCK by both. */
    private static final int SHARED = 0xA000;

    private static final int BAD = 0xD000;
    private static final int STOP = 0xE000;
    private static final int PAGES = 0xF;
    private static final long FIRST_MARK = 0xA5A5A5A5L;
    private static final long SECOND_MARK = 0x5A5A5A5AL;

    private static final String PROGRAM =
            """
            31c0 8ed8          xor ax,ax; mov ds,ax
            be0010             mov si,1000
            8cc8 85c0 7403     mov ax,cs; test ax,ax; jz +3
            be0030             mov si,3000
            6631c9             xor ecx,ecx
            f066ff0600a0       loop: lock inc dword [a000]
            f066ff0600b0       lock inc dword [b000]
            f066ff0600c0       lock inc dword [c000]
            66ff04             inc dword [si]
            66ff84fe0f         inc dword [si+ffe]
            bf0050             mov di,5000
            668b05             m: mov eax,[di]
            6683f8ff 7414      cmp eax,-1; je ok
            663da5a5a5a5 740c  cmp eax,a5a5a5a5; je ok
            663d5a5a5a5a 7404  cmp eax,5a5a5a5a; je ok
            66a300d0           mov [d000],eax
            66ff4508           ok: inc dword [di+8]
            81c70010           add di,1000
            81ff0090 75d5      cmp di,9000; jne m
            6641               inc ecx
            803e00e000 74af    cmp byte [e000],0; je loop
            fa f4              cli; hlt
            """;

    private final SplittableRandom seeds = new SplittableRandom(SEED);
    private final RealServices services = new RealServices();
    private final Queue<String> wrong = new ConcurrentLinkedQueue<>();
    private final AtomicLong[] done = new AtomicLong[4];

    /**
     * Held by whoever changes the page's rights and looks whether they hold; the handler takes it
     * to open the page.
     */
    private final ReentrantLock[] pageLocks = new ReentrantLock[PAGES + 1];

    private PcMachine machine;
    private ProtectionLayer layer;
    private volatile boolean stop;

    private static byte[] program() {
        StringBuilder hex = new StringBuilder();
        for (String line : PROGRAM.split("\n")) {
            hex.append(line, 0, Math.min(line.length(), 19));
        }
        return HexFormat.of().parseHex(hex.toString().replace(" ", ""));
    }

    private Resolution open(String name, PageFault f) {
        ReentrantLock l = pageLocks[(int) f.gfn()];
        l.lock();
        try {
            layer.protectPage(f.gfn(), Rights.RWX);
            return Resolution.RETRY;
        } finally {
            l.unlock();
        }
    }

    private long word(int gpa) {
        return HostBytes.get32(machine.memory().hvaOf(gpa)) & 0xFFFF_FFFFL;
    }

    @Test
    void nothingIsLostAndProtectMeansProtected() throws Exception {
        // A vCPU may wait for a thread that checks, and find its page closed again many times.
        services.handlers.use(FaultPolicy.of(60_000, 1, 1_000_000));
        machine =
                PcMachine.create(
                        new MachineConfig("stress", 4 << 20, 2, "interpreter", "coded", List.of()),
                        services);
        for (int i = 0; i < pageLocks.length; i++) {
            pageLocks[i] = new ReentrantLock();
        }
        for (int i = 0; i < done.length; i++) {
            done[i] = new AtomicLong();
        }
        try {
            layer = machine.protection().addLayer("stress", this::open);
            VcpuContext first = (VcpuContext) machine.vcpus().get(0);
            byte[] program = program();
            HostBytes.copyIn(program, 0, machine.memory().hvaOf(CODE), program.length);
            first.segSel[1] = 0;
            first.segBase[1] = 0;
            first.rip = CODE;
            first.recompute();
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < THREADS; i++) {
                Worker w = new Worker(i, seeds.split());
                threads.add(Thread.ofPlatform().name("worker" + i).unstarted(w));
            }
            machine.start();
            services.fakes.chips.host.startup(1, CODE >> 12);
            threads.forEach(Thread::start);
            HangGuard.until("enough of everything, or something wrong", this::enough);
            stop = true;
            for (Thread t : threads) {
                HangGuard.join(t);
            }
            HostBytes.put8(machine.memory().hvaOf(STOP), (byte) 1);
            assertThat(HangGuard.await(machine)).isInstanceOf(VcpuExit.PoweredOff.class);
            check();
        } finally {
            stop = true;
            machine.close();
        }
    }

    private boolean enough() {
        boolean all = word(OWN) >= CHANGES && word(OWN + 0x2000) >= CHANGES;
        for (AtomicLong n : done) {
            all &= n.get() >= CHANGES;
        }
        return all || !wrong.isEmpty();
    }

    private void check() {
        long first = machine.vcpus().get(0).gpr[1] & 0xFFFF_FFFFL;
        long second = machine.vcpus().get(1).gpr[1] & 0xFFFF_FFFFL;
        System.out.printf(
                "seed %d: %d + %d rounds, %d faults; %d protects, %d checks, %d maps and unmaps, %d swaps%n",
                SEED,
                first,
                second,
                machine.statistics().faults(),
                done[0].get(),
                done[1].get(),
                done[2].get(),
                done[3].get());
        assertThat(wrong).isEmpty();
        for (int gpa = SHARED; gpa < SHARED + 0x3000; gpa += 0x1000) {
            assertThat(word(gpa)).as("shared word %x", gpa).isEqualTo(first + second);
        }
        assertThat(word(OWN)).isEqualTo(first);
        assertThat(word(OWN + CROSSING)).isEqualTo(first);
        assertThat(word(OWN + 0x2000)).isEqualTo(second);
        assertThat(word(OWN + 0x2000 + CROSSING)).isEqualTo(second);
        assertThat(word(BAD)).as("a word that was never in a page that comes and goes").isZero();
        assertThat(machine.statistics().handlersLeftOut()).isEmpty();
    }

    private final class Worker implements Runnable {
        private final SplittableRandom random;
        private final int coming;
        private final RamBlock[] backings = new RamBlock[2];
        private int mapped = -1;

        Worker(int index, SplittableRandom random) {
            this.random = random;
            coming = COMING + index * 0x1000;
            GuestMemory memory = machine.memory();
            for (int i = 0; i < 2; i++) {
                backings[i] = memory.addBlock("coming " + index + i, 4096);
                HostBytes.put32(backings[i].hva(), (int) (i == 0 ? FIRST_MARK : SECOND_MARK));
            }
            memory.unmap(coming, 4096);
        }

        @Override
        public void run() {
            try {
                while (!stop) {
                    int what = random.nextInt(100);
                    if (what < 50) {
                        protect();
                    } else if (what < 75) {
                        protectAndLook();
                    } else if (what < 98) {
                        remap();
                    } else {
                        swap();
                    }
                }
            } catch (RuntimeException | MachineException e) {
                wrong.add(e.toString());
            }
        }

        /** Any rights for any page, code too. */
        private void protect() {
            int page = 1 + random.nextInt(PAGES - 1);
            if (page << 12 >= COMING && page << 12 < CODE) {
                return; // its own thread's
            }
            layer.protect((long) page << 12, 1 + random.nextInt(4096), random.nextInt(8));
            done[0].getAndIncrement();
        }

        /** After protect returned the page's word does not change until somebody opens the page. */
        private void protectAndLook() {
            int page = (SHARED >> 12) + random.nextInt(3);
            ReentrantLock l = pageLocks[page];
            l.lock();
            try {
                // Another worker's plain protect may open it meanwhile: an own layer, which nobody
                // opens.
                try (ProtectionLayer mine =
                        machine.protection().addLayer("look " + coming, this::waitForIt)) {
                    mine.protect(
                            (long) page << 12,
                            4096,
                            random.nextBoolean() ? Rights.NONE : Rights.RX);
                    look(machine.memory().hvaOf((long) page << 12), "protect of page " + page);
                }
            } finally {
                l.unlock();
            }
            done[1].getAndIncrement();
        }

        private Resolution waitForIt(String name, PageFault f) {
            ReentrantLock l = pageLocks[(int) f.gfn()];
            l.lock(); // until the look is over
            l.unlock();
            return Resolution.RETRY;
        }

        private void look(long hva, String what) {
            int before = HostBytes.get32(hva);
            int rounds = random.nextInt(2000);
            for (int i = 0; i < rounds; i++) {
                Thread.onSpinWait();
                if (i % 500 == 499) {
                    Thread.yield();
                }
            }
            int after = HostBytes.get32(hva);
            if (before != after) {
                wrong.add("written after %s returned: 0x%x, 0x%x".formatted(what, before, after));
            }
        }

        /** The page goes, comes, or changes its backing; the old one is not written any more. */
        private void remap() {
            int next = random.nextInt(3) - 1;
            int old = mapped;
            if (next < 0) {
                machine.memory().unmap(coming, 4096);
            } else {
                machine.memory().map(coming, 4096, backings[next], 0, false);
            }
            mapped = next;
            if (old >= 0 && old != next) {
                look(backings[old].hva() + 8, "remapping of page " + (coming >> 12));
            }
            done[2].getAndIncrement();
        }

        private void swap() throws MachineException {
            switch (random.nextInt(4)) {
                case 0 -> machine.swapEngine("interpreter");
                case 1 -> { // protection and translation go, and others come
                    machine.bindings().orphaned();
                    machine.bindings().adopted();
                }
                default -> machine.swapFaultStyle(random.nextBoolean() ? "thrown" : "coded");
            }
            done[3].getAndIncrement();
        }
    }
}
