// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static dev.faultline.api.mmu.Mmu.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.protection.Rights;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * Two vCPU threads that access memory as an engine does, against a thread that takes rights and
 * mappings away. Once the taking call has returned, the taker plants a poison that only a stale
 * translation could show, or watches a word that only a stale translation could change.
 */
class RendezvousTest {
    private static final long POISON = 0xDEAD_DEAD_DEADL;

    /**
     * How long each test tries at least. A fence may take a scheduler's time slice for each busy
     * vCPU, so many rounds cannot be asked for; but there are {@link #ROUNDS} in which every vCPU
     * has had access before it is taken away, however busy the host is.
     */
    private static final long MILLIS = Long.getLong("faultline.stress.ms", 400);

    private static final int ROUNDS = 5;
    private static final int MOST_VCPUS = 3;

    private final Rig r = new Rig();
    private final List<Thread> threads = new ArrayList<>();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();

    /** By vCPU: accesses that were allowed. */
    private final AtomicLongArray accesses = new AtomicLongArray(MOST_VCPUS);

    private int vcpus;
    private volatile boolean stop;
    private long deadline;

    /** One instruction of a vCPU. */
    private interface Instruction {
        void execute(VcpuContext v);
    }

    private VcpuContext vcpu(int index, Instruction instruction) {
        VcpuContext v = new VcpuContext(index);
        v.updateTlbKey();
        r.mmu.attach(v);
        Thread t =
                new Thread(() -> {
                    try {
                        v.enterGuest();
                        while (!stop) {
                            instruction.execute(v);
                            v.serviceFlush(); // the instruction boundary
                        }
                    } catch (Throwable e) {
                        failure.compareAndSet(null, e);
                    } finally {
                        v.leaveGuest();
                    }
                });
        v.bindThread(t);
        threads.add(t);
        vcpus++;
        return v;
    }

    private void start() {
        // clock: how long it tries, no verdict
        deadline = System.nanoTime() + MILLIS * 1_000_000;
        threads.forEach(Thread::start);
    }

    private boolean more(long round) {
        // clock: how long it tries, no verdict
        return failure.get() == null && (round < ROUNDS || System.nanoTime() < deadline);
    }

    /** The vCPUs may access memory now. In the first rounds, waits until each has. */
    private void open(int round) {
        if (round < ROUNDS) {
            for (int i = 1; i <= vcpus; i++) {
                long before = accesses.get(i);
                while (accesses.get(i) == before && failure.get() == null) {
                    Thread.yield();
                }
            }
        }
        stall(round * 3);
    }

    private void finish() throws InterruptedException {
        stop = true;
        for (Thread t : threads) {
            t.join();
        }
        assertThat(failure.get()).isNull();
    }

    @AfterEach
    void close() throws InterruptedException {
        stop = true;
        for (Thread t : threads) {
            t.join();
        }
        r.close();
    }

    /**
     * hva for an 8-byte access, through the cache if it hits; negative as {@link GuestMmu#fill}.
     */
    private long translate(VcpuContext v, long lin, int access) {
        int i = ((int) (lin >>> 12) & VcpuContext.TLB_ENTRIES - 1) * VcpuContext.TLB_STRIDE;
        long tag = lin & ~0xFFFL | v.tlbKey;
        if (v.tlb[i + (access == WRITE ? 1 : 0)] == tag) {
            return lin + v.tlb[i + 2];
        }
        return r.mmu.fill(v, lin, access, FaultOrigin.DATA);
    }

    private void read(VcpuContext v, long lin) {
        long hva = translate(v, lin, READ);
        if (hva >= 0) {
            accesses.getAndIncrement(v.index);
            if (HostBytes.get64(hva) == POISON) {
                throw new AssertionError("vCPU " + v.index + " read through a stale translation");
            }
        }
    }

    private void write(VcpuContext v, long lin) {
        long hva = translate(v, lin, WRITE);
        if (hva >= 0) {
            accesses.getAndIncrement(v.index);
            HostBytes.put64(hva, HostBytes.get64(hva) + 1);
        }
    }

    private void stall(int round) {
        if ((round & 7) == 0) {
            Thread.yield();
        }
        for (int i = 0; i < (round & 63); i++) {
            Thread.onSpinWait();
        }
    }

    @Test
    void noReadAfterProtect() throws InterruptedException {
        vcpu(1, v -> read(v, 0x5000));
        vcpu(2, v -> read(v, 0x5000));
        start();
        for (int n = 0; more(n); n++) {
            r.protect(0x5000, Rights.NONE);
            HostBytes.put64(r.base + 0x5000, POISON);
            stall(n);
            HostBytes.put64(r.base + 0x5000, n);
            r.protect(0x5000, Rights.RWX);
            open(n);
        }
        finish();
        assertThat(r.mmu.mappedPages()).isBetween(0L, 1L);
    }

    @Test
    void noWriteAfterProtect() throws InterruptedException {
        vcpu(1, v -> write(v, 0x5000));
        vcpu(2, v -> write(v, 0x5000));
        start();
        for (int n = 0; more(n); n++) {
            r.protect(0x5000, Rights.R);
            long before = HostBytes.get64(r.base + 0x5000);
            stall(n);
            assertThat(HostBytes.get64(r.base + 0x5000)).isEqualTo(before);
            r.protect(0x5000, Rights.RWX);
            open(n);
        }
        finish();
    }

    @Test
    void noAccessThroughAnOldMapping() throws InterruptedException {
        RamBlock a = r.memory.ram(0x200_0000, 0x1000);
        RamBlock b = r.memory.addBlock("b", 0x1000);
        vcpu(1, v -> read(v, 0x200_0000));
        vcpu(2, v -> read(v, 0x200_0000));
        start();
        for (int n = 0; more(n); n++) {
            RamBlock now = (n & 1) == 0 ? b : a;
            RamBlock old = (n & 1) == 0 ? a : b;
            HostBytes.put64(now.hva(), n);
            r.memory.map(0x200_0000, 0x1000, now, 0, false);
            HostBytes.put64(old.hva(), POISON);
            open(n);
        }
        finish();
    }

    /** Two takers of the same page at once: the second may find no leaf, and must still wait. */
    @Test
    void concurrentRestrictionsBothWait() throws InterruptedException {
        vcpu(1, v -> write(v, 0x5000));
        vcpu(2, v -> read(v, 0x5000));
        start();
        Thread other =
                new Thread(() -> {
                    while (!stop) {
                        r.mmu.rightsRestricted(0x5000, 0x1000);
                    }
                });
        threads.add(other);
        other.start();
        for (int n = 0; more(n); n++) {
            r.protect(0x5000, Rights.NONE);
            long before = HostBytes.get64(r.base + 0x5000);
            HostBytes.put64(r.base + 0x5000, POISON);
            stall(n);
            assertThat(HostBytes.get64(r.base + 0x5000)).isEqualTo(POISON);
            HostBytes.put64(r.base + 0x5000, before);
            r.protect(0x5000, Rights.RWX);
            open(n);
        }
        finish();
    }

    /** Each vCPU tracks the page that the other writes; neither may wait for the other for ever. */
    @Test
    void vcpusTrackEachOthersPages() throws InterruptedException {
        long[] rounds = new long[3];
        vcpu(1, v -> trackAndCheck(v, 5, 6, rounds));
        vcpu(2, v -> trackAndCheck(v, 6, 5, rounds));
        start();
        for (int n = 0; more(n); n++) {
            open(n);
        }
        finish();
    }

    private void trackAndCheck(VcpuContext v, long track, long write, long[] rounds) {
        write(v, write << 12);
        if (rounds[v.index]++ % 16 == 0) {
            r.mmu.trackCode(v, track);
            long before = HostBytes.get64(r.base + (track << 12));
            for (int i = 0; i < 50; i++) {
                Thread.onSpinWait();
            }
            if (HostBytes.get64(r.base + (track << 12)) != before) {
                throw new AssertionError("page written while tracked as code");
            }
            r.mmu.untrackCode(v, track);
        }
    }

    /** Guest and MMU change one entry at once: no update of either is lost. */
    @Test
    void accessedAndDirtyUpdatesLoseNothing() throws InterruptedException {
        long pte = r.base + 0x4010;
        vcpu(
                1,
                v -> {
                    v.cr0 = 0x8000_0001L;
                    v.cr4 = VcpuContext.CR4_PAE;
                    v.efer = VcpuContext.EFER_LMA;
                    v.cr3 = 0x1000;
                    accesses.getAndIncrement(v.index);
                    r.mmu.fill(v, 0x2000, WRITE, FaultOrigin.DATA);
                });
        r.put64(0x1000, 0x2007);
        r.put64(0x2000, 0x3007);
        r.put64(0x3000, 0x4007);
        r.put64(0x4010, 0x5007);
        start();
        long seen = 0;
        for (long n = 1; more(n) || failure.get() == null && (seen & 0x60) != 0x60; ) {
            long e = Paging.load64(pte);
            assertThat(e >>> 52).isEqualTo(n - 1 & 0x7FF);
            if (Paging.cas64(pte, e, 0x5007 | (n & 0x7FF) << 52)) { // counts in ignored bits
                n++;
                seen |= e;
            }
        }
        finish();
        assertThat(seen & 0x60).isEqualTo(0x60);
    }
}
