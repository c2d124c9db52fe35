// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static dev.faultline.api.mmu.Mmu.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.protection.Rights;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class CodeTrackingTest {
    private final Rig r = new Rig();
    private final List<String> told = new ArrayList<>();

    @BeforeEach
    void listen() {
        r.mmu.addCodeListener((gpa, size) -> told.add("%x+%x".formatted(gpa, size)));
    }

    @AfterEach
    void close() {
        r.close();
    }

    @Test
    void trackedPageKeepsReadsAndRefusesWrites() {
        r.fill(0x5000, WRITE);
        r.fill(0x6000, WRITE);
        r.mmu.trackCode(r.v, 5);
        assertThat(r.writeHit(0x5000)).isEqualTo(-1);
        assertThat(r.readHit(0x5000)).isEqualTo(r.base + 0x5000);
        assertThat(r.writeHit(0x6000)).isEqualTo(r.base + 0x6000);
        assertThat(r.fill(0x5123, WRITE)).isEqualTo(CODE);
        assertThat(r.v.missHva).isEqualTo(r.base + 0x5123);
        assertThat(r.v.missGpa).isEqualTo(0x5123);
        assertThat(r.writeHit(0x5123)).isEqualTo(-1);
        assertThat(r.readHit(0x5123)).isEqualTo(r.base + 0x5123);
        assertThat(r.fill(0x5123, READ)).isEqualTo(r.base + 0x5123);
        assertThat(r.writeHit(0x5123)).isEqualTo(-1);
        assertThat(r.mmu.physical(r.v, 0x5123, WRITE, FaultOrigin.DATA)).isEqualTo(CODE);
    }

    @Test
    void untrackedPageIsWritableAgain() {
        r.mmu.trackCode(r.v, 5);
        assertThat(r.fill(0x5000, WRITE)).isEqualTo(CODE);
        r.mmu.untrackCode(r.v, 5);
        assertThat(r.fill(0x5000, WRITE)).isEqualTo(r.base + 0x5000);
        assertThat(r.writeHit(0x5000)).isEqualTo(r.base + 0x5000);
    }

    @Test
    void pageStaysTrackedWhileAnyVcpuHasItsCode() {
        VcpuContext w = new VcpuContext(1);
        r.mmu.attach(w);
        VcpuContext many = new VcpuContext(70);
        r.mmu.attach(many);
        r.mmu.trackCode(r.v, 5);
        r.mmu.trackCode(w, 5);
        r.mmu.untrackCode(r.v, 5);
        r.mmu.untrackCode(many, 5);
        assertThat(r.fill(0x5000, WRITE)).isEqualTo(CODE);
        r.mmu.detach(w);
        assertThat(r.fill(0x5000, WRITE)).isEqualTo(r.base + 0x5000);
    }

    @Test
    void trackingReachesEveryAliasAndOtherVcpus() {
        VcpuContext w = new VcpuContext(1);
        w.updateTlbKey();
        r.mmu.attach(w);
        r.mmu.fill(w, 0x5000, WRITE, FaultOrigin.DATA);
        r.mmu.trackCode(r.v, 5);
        w.enterGuest();
        w.leaveGuest();
        int at = 5 * VcpuContext.TLB_STRIDE;
        assertThat(w.tlb[at + 1]).isNotEqualTo(0x5000 | w.tlbKey);
        assertThat(r.mmu.fill(w, 0x5000, WRITE, FaultOrigin.DATA)).isEqualTo(CODE);
    }

    // ---- the same bytes under another gfn

    private static final long OTHER = 0x300_0000;

    /** Page 5 again, and its neighbour, at {@link #OTHER}. */
    private void mapAgain() {
        r.memory.map(OTHER, 0x2000, r.memory.slots().getFirst().block(), 0x5000, false);
    }

    @Test
    void writesThroughAnotherPageWithTheSameBytesAreSeen() {
        mapAgain();
        r.mmu.trackCode(r.v, 5);
        assertThat(r.fill(OTHER | 0x10, WRITE)).isEqualTo(CODE);
        assertThat(r.v.missGpa).isEqualTo(OTHER | 0x10);
        assertThat(r.v.missHva).isEqualTo(r.base + 0x5010);
        assertThat(r.writeHit(OTHER)).isEqualTo(-1);
        assertThat(r.mmu.physical(r.v, OTHER, WRITE, FaultOrigin.DATA)).isEqualTo(CODE);
        assertThat(r.fill(OTHER + 0x1000, WRITE)).isEqualTo(r.base + 0x6000);
        assertThat(told).isEmpty();
        r.mmu.codeWritten(OTHER | 0x10, 4);
        assertThat(told).containsExactly("5010+4");
        r.mmu.untrackCode(r.v, 5);
        assertThat(r.fill(OTHER, WRITE)).isEqualTo(r.base + 0x5000);
        assertThat(r.writeHit(OTHER)).isEqualTo(r.base + 0x5000);
    }

    @Test
    void trackingDropsWritableTranslationsOfTheSameBytes() {
        mapAgain();
        VcpuContext w = new VcpuContext(1);
        assertThat(r.fill(0x5000, FETCH)).isEqualTo(r.base + 0x5000);
        assertThat(r.fill(OTHER, WRITE)).isEqualTo(r.base + 0x5000);
        assertThat(r.fill(OTHER + 0x1000, WRITE)).isEqualTo(r.base + 0x6000);
        r.mmu.trackCode(r.v, 5);
        assertThat(r.writeHit(OTHER)).isEqualTo(-1);
        assertThat(r.readHit(OTHER)).isEqualTo(r.base + 0x5000);
        assertThat(r.writeHit(OTHER + 0x1000)).isEqualTo(r.base + 0x6000);
        r.mmu.untrackCode(r.v, 5);
        r.mmu.attach(w);
        w.updateTlbKey();
        r.mmu.fill(w, OTHER, WRITE, FaultOrigin.DATA);
        r.mmu.trackCode(r.v, 5);
        assertThat(w.request).isEqualTo(VcpuContext.REQ_FLUSH);
    }

    @Test
    void codeUnderBothIsToldOfBoth() {
        mapAgain();
        r.mmu.trackCode(r.v, 5);
        r.mmu.trackCode(r.v, OTHER >>> 12);
        r.mmu.codeWritten(0x5FFF, 1);
        assertThat(told).containsExactly("5fff+1", "3000fff+1");
        told.clear();
        r.mmu.untrackCode(r.v, 5);
        r.mmu.codeWritten(0x5FF0, 2);
        assertThat(told).containsExactly("3000ff0+2");
        assertThat(r.fill(0x5000, WRITE)).isEqualTo(CODE);
    }

    @Test
    void pagesMappedAfterTrackingAreSeenToo() {
        r.mmu.trackCode(r.v, 6);
        mapAgain();
        assertThat(r.fill(OTHER + 0x1000, WRITE)).isEqualTo(CODE);
        r.memory.unmap(OTHER, 0x2000);
        told.clear();
        r.mmu.codeWritten(OTHER + 0x1000, 1);
        assertThat(told).isEmpty();
    }

    @Test
    void accessedBitThroughAnotherPageTells() {
        r.memory.map(OTHER, 0x1000, r.memory.slots().getFirst().block(), 0x4000, false);
        r.longMode(0x1000);
        r.put64(0x1000, 0x2007);
        r.put64(0x2000, 0x3007);
        r.put64(0x3000, OTHER | 7);
        r.put64(0x4008, 0x5007);
        r.mmu.trackCode(r.v, 4);
        r.fill(0x1000, READ);
        assertThat(told).containsExactly("4008+8");
    }

    @Test
    void trackingAPageThatNobodyWroteFlushesNobody() {
        VcpuContext w = new VcpuContext(1);
        r.mmu.attach(w);
        long before = r.v.tlbFlushes;
        r.fill(0x5000, FETCH);
        r.mmu.trackCode(r.v, 5);
        assertThat(r.v.tlbFlushes).isEqualTo(before);
        assertThat(w.request).isZero();
    }

    @Test
    void codeWrittenTellsOnlyTrackedPages() {
        r.mmu.trackCode(r.v, 5);
        r.mmu.trackCode(r.v, 7);
        r.mmu.codeWritten(0x4FF0, 0x10);
        r.mmu.codeWritten(0x5010, 0);
        assertThat(told).isEmpty();
        r.mmu.codeWritten(0x4FF0, 0x11);
        r.mmu.codeWritten(0x5FFF, 0x2002);
        assertThat(told).containsExactly("5000+1", "5fff+1", "7000+1000");
    }

    @Test
    void restrictedRightsAndMappingsTell() {
        r.mmu.trackCode(r.v, 5);
        r.protect(0x6000, Rights.R);
        assertThat(told).isEmpty();
        r.protect(0x5000, Rights.R);
        assertThat(told).isNotEmpty().containsOnly("5000+1000");
    }

    @Test
    void remappingTells() {
        r.memory.ram(0x200_0000, 0x40_0000);
        RamBlock two = r.memory.addBlock("two", 0x40_0000);
        r.mmu.trackCode(r.v, 0x2000);
        r.mmu.trackCode(r.v, 0x23FF);
        r.memory.map(0x200_0000, 0x40_0000, two, 0, false);
        assertThat(told).contains("2000000+1000", "23ff000+1000").hasSize(4);
        told.clear();
        r.memory.unmap(0x200_0000, 0x40_0000);
        assertThat(told).contains("2000000+1000", "23ff000+1000");
    }

    @Test
    void accessedBitInACodePageTells() {
        r.longMode(0x1000);
        r.put64(0x1000, 0x2007);
        r.put64(0x2000, 0x3007);
        r.put64(0x3000, 0x4007);
        r.put64(0x4008, 0x5007);
        r.mmu.trackCode(r.v, 4);
        r.fill(0x1000, READ);
        assertThat(told).containsExactly("4008+8");
    }

    @Test
    void removedListenerIsSilent() {
        List<Long> other = new ArrayList<>();
        var listener = (dev.faultline.api.mmu.CodeListener) (gpa, size) -> other.add(gpa);
        r.mmu.addCodeListener(listener);
        r.mmu.removeCodeListener(listener);
        r.mmu.trackCode(r.v, 5);
        r.mmu.codeWritten(0x5000, 1);
        assertThat(other).isEmpty();
        assertThat(told).hasSize(1);
    }

    // ---- several vCPUs; what they must not wait for

    /** Waits until another thread's fence wants {@code w} to drop its translations. */
    private static void awaitFence(VcpuContext w) {
        while ((w.request & VcpuContext.REQ_FLUSH) == 0) {
            Thread.onSpinWait();
        }
    }

    private VcpuContext inGuest(int index) {
        VcpuContext w = new VcpuContext(index);
        w.updateTlbKey();
        r.mmu.attach(w);
        w.enterGuest();
        return w;
    }

    @Test
    void trackedPageDoesNotWaitForFencesOfOthers() throws InterruptedException {
        r.fill(0x5000, WRITE);
        r.fill(0x6000, WRITE);
        r.mmu.trackCode(r.v, 5);
        VcpuContext w = inGuest(1);
        Thread other = new Thread(() -> r.protect(0x6000, Rights.R));
        other.start();
        awaitFence(w); // which does not come to a boundary
        r.mmu.trackCode(r.v, 5);
        w.serviceFlush();
        other.join();
        w.leaveGuest();
    }

    @Test
    void secondTrackerOfAPageWaitsForItsWriterToo() throws InterruptedException {
        VcpuContext w = inGuest(1);
        r.mmu.fill(w, 0x5000, WRITE, FaultOrigin.DATA);
        VcpuContext second = new VcpuContext(2);
        r.mmu.attach(second);
        Thread a = new Thread(() -> r.mmu.trackCode(r.v, 5));
        a.start();
        awaitFence(w);
        Thread b = new Thread(() -> r.mmu.trackCode(second, 5));
        b.start();
        // Both are told only now that nobody can write.
        assertThat(a.isAlive()).isTrue();
        int at = 5 * VcpuContext.TLB_STRIDE;
        while (a.isAlive() || b.isAlive()) {
            w.serviceFlush();
            assertThat(w.tlb[at + 1]).isNotEqualTo(0x5000 | w.tlbKey);
        }
        w.leaveGuest();
        long before = second.tlbFlushes;
        r.mmu.trackCode(second, 5); // settled
        assertThat(second.tlbFlushes).isEqualTo(before);
        assertThat(w.request).isZero();
    }

    @Test
    void fenceIsContentWithItsOwnAnswer() throws InterruptedException {
        VcpuContext w = inGuest(1);
        r.mmu.fill(w, 0x5000, WRITE, FaultOrigin.DATA);
        Thread t = new Thread(() -> r.protect(0x5000, Rights.R));
        t.start();
        awaitFence(w);
        w.serviceFlush();
        w.post(VcpuContext.REQ_FLUSH); // another one's, at once
        t.join();
        w.leaveGuest();
    }

    @Test
    void vcpusThatFenceEachOtherBothGoOn() throws InterruptedException {
        VcpuContext[] all = {inGuest(1), inGuest(2)};
        Thread[] threads = new Thread[2];
        for (int i = 0; i < 2; i++) {
            VcpuContext self = all[i];
            threads[i] = new Thread(() -> VcpuContext.fence(all, self));
            threads[i].start();
        }
        for (Thread t : threads) {
            t.join();
        }
        assertThat(all[0].isInGuest()).isTrue();
        assertThat(all[1].isInGuest()).isTrue();
    }
}
