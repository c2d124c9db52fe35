// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static dev.faultline.api.mmu.Mmu.FAULTED;
import static dev.faultline.api.mmu.Mmu.FETCH;
import static dev.faultline.api.mmu.Mmu.MODIFY;
import static dev.faultline.api.mmu.Mmu.READ;
import static dev.faultline.api.mmu.Mmu.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What handlers answered, in translation: stopped accesses and stopped walks go where they were
 * sent, and nothing of it stays.
 */
class DiversionTest {
    private static final long LIN = 0x40_2ABC;
    private static final long ENTRY = 0x4010;
    private final Rig r = new Rig();

    @BeforeEach
    void map() {
        r.longMode(0x1000);
        r.put64(0x1000, 0x2007);
        r.put64(0x2000, 0x3007);
        r.put64(0x3010, 0x4007);
        r.put64(ENTRY, 0x5007);
    }

    @AfterEach
    void close() {
        r.close();
    }

    @Test
    void aSteppedAccessIsNotCached() {
        ProtectionLayer l = r.protection.only(0x5000, Rights.NONE);
        r.v.diversion.step(0x5ABC, 1, Rights.RW, l);
        for (int access : new int[] {READ, WRITE}) {
            assertThat(r.fill(LIN, access)).isEqualTo(r.base + 0x5ABC);
            assertThat(r.readHit(LIN)).isEqualTo(-1);
            assertThat(r.writeHit(LIN)).isEqualTo(-1);
        }
        r.v.endDiversion();
        assertThat(r.fill(LIN, READ)).isEqualTo(FAULTED);
    }

    @Test
    void aSteppedFetchIsForgotten() {
        ProtectionLayer l = r.protection.only(0x5000, Rights.RW);
        r.v.diversion.step(0x5ABC, 3, Rights.X, l);
        assertThat(r.fill(LIN, FETCH)).isEqualTo(r.base + 0x5ABC);
        assertThat(r.fetchHit(LIN)).isEqualTo(r.base + 0x5ABC);
        r.v.endDiversion();
        assertThat(r.fetchHit(LIN)).isEqualTo(-1);
    }

    @Test
    void aSteppedWalkUsesTheTable() {
        ProtectionLayer l = r.protection.only(0x4000, Rights.NONE);
        r.v.diversion.step(ENTRY, 8, Rights.R, l);
        assertThat(r.fill(LIN, WRITE)).isEqualTo(FAULTED); // its accessed and dirty bits
        assertThat(r.v.fault.access & Rights.MASK).isEqualTo(Rights.RW);
        assertThat(r.v.fault.stopped).isEqualTo(Rights.W);
        assertThat(r.v.fault.length).isEqualTo(8);
        r.v.diversion.step(ENTRY, 8, Rights.RW, l);
        assertThat(r.fill(LIN, WRITE)).isEqualTo(r.base + 0x5ABC);
        assertThat(r.get64(ENTRY)).isEqualTo(0x5067); // accessed and dirty
    }

    @Test
    void aSuppliedEntryHoldsForOneInstruction() {
        r.protection.protect(0x4000, Rights.W);
        r.v.diversion.supply(ENTRY, new byte[] {0x07, 0x60, 0, 0, 0, 0, 0, 0});
        assertThat(r.fill(LIN, READ)).isEqualTo(r.base + 0x6ABC);
        assertThat(r.get64(ENTRY)).isEqualTo(0x5007);
        r.v.endDiversion();
        assertThat(r.readHit(LIN)).isEqualTo(-1);
    }

    @Test
    void aDroppedDirtyBitLeavesTheEntry() {
        r.protection.protect(0x4000, Rights.R);
        r.v.diversion.discard(ENTRY, 8);
        assertThat(r.fill(LIN, WRITE)).isEqualTo(r.base + 0x5ABC);
        assertThat(r.get64(ENTRY)).isEqualTo(0x5007);
        r.v.endDiversion();
        assertThat(r.writeHit(LIN)).isEqualTo(-1);
    }

    @Test
    void aDroppedWriteGoesToACopy() {
        r.put64(0x5AB8, 0x1122_3344_5566_7788L);
        r.protection.protect(0x5000, Rights.R);
        r.v.diversion.discard(0x5ABC, 4);
        long to = r.mmu.fill(r.v, LIN, 4, WRITE, FaultOrigin.DATA);
        assertThat(HostBytes.get32(to)).isEqualTo(0x1122_3344);
        HostBytes.put32(to, 0);
        assertThat(r.get64(0x5AB8)).isEqualTo(0x1122_3344_5566_7788L);
    }

    @Test
    void onlyBytesThatWereSuppliedAreAnswered() {
        r.protection.protect(0x5000, Rights.NONE);
        r.v.diversion.supply(0x5ABC, new byte[] {1, 2});
        assertThat(HostBytes.get8(r.fill(LIN + 1, READ))).isEqualTo((byte) 2);
        assertThat(r.fill(LIN + 2, READ)).isEqualTo(FAULTED);
        assertThat(r.fill(LIN, WRITE)).isEqualTo(FAULTED);
    }

    @Test
    void aStepOpensItsBytesAndKindsOnly() {
        ProtectionLayer l = r.protection.only(0x5000, Rights.NONE);
        r.v.diversion.step(0x5ABC, 8, Rights.R, l);
        assertThat(fill(LIN, 8, READ)).isEqualTo(r.base + 0x5ABC);
        assertThat(fill(LIN + 4, 4, READ)).isEqualTo(r.base + 0x5AC0);
        assertThat(fill(LIN, 8, WRITE)).isEqualTo(FAULTED);
        assertThat(fill(LIN + 4, 8, READ)).as("reaches past its end").isEqualTo(FAULTED);
        assertThat(fill(LIN - 1, 2, READ)).as("starts before it").isEqualTo(FAULTED);
        r.v.diversion.step(0x5ABB, 2, Rights.R, l);
        assertThat(fill(LIN - 1, 2, READ)).isEqualTo(r.base + 0x5ABB);
        assertThat(fill(LIN, 8, READ)).as("both").isEqualTo(r.base + 0x5ABC);
    }

    @Test
    void manyStepsOnOnePage() {
        ProtectionLayer l = r.protection.only(0x5000, Rights.NONE);
        for (int i = 0; i < 100; i++) {
            assertThat(r.v.diversion.step(0x5000 + 8L * i, 8, Rights.R, l)).isTrue();
        }
        long page = LIN & -0x1000;
        for (int i = 0; i < 100; i++) {
            assertThat(fill(page + 8L * i, 8, READ)).isEqualTo(r.base + 0x5000 + 8L * i);
        }
        assertThat(fill(page + 800, 8, READ)).isEqualTo(FAULTED);
    }

    @Test
    void theHalvesOfAReadModifyWriteAreTold() {
        r.protection.only(0x5000, Rights.NONE);
        assertThat(fill(LIN, 4, WRITE | MODIFY)).isEqualTo(FAULTED);
        told(Rights.RW, Rights.RW);
        r.v.diversion.discard(0x5ABC, 4);
        assertThat(fill(LIN, 4, WRITE | MODIFY)).isNotNegative();
        assertThat(fill(LIN, 4, READ | MODIFY)).isEqualTo(FAULTED);
        told(Rights.R, Rights.R);
        r.v.endDiversion();

        r.v.diversion.supply(0x5ABC, new byte[4]);
        assertThat(fill(LIN, 4, WRITE | MODIFY)).isEqualTo(FAULTED);
        told(Rights.W, Rights.W);
        r.v.endDiversion();

        r.protection.only(0x5000, Rights.W);
        assertThat(fill(LIN, 4, WRITE | MODIFY)).isNotNegative();
        assertThat(fill(LIN, 4, READ | MODIFY)).isEqualTo(FAULTED);
        told(Rights.RW, Rights.R);
    }

    private void told(int access, int stopped) {
        assertThat(r.v.fault.access & Rights.MASK).isEqualTo(access);
        assertThat(r.v.fault.stopped).isEqualTo(stopped);
    }

    private long fill(long lin, int size, int access) {
        return r.mmu.fill(r.v, lin, size, access, FaultOrigin.DATA);
    }

    @Test
    void anAccessThatCrossesThePageIsToldInPart() {
        r.protection.protect(0x5000, Rights.NONE);
        long last = LIN | 0xFFC;
        assertThat(fill(last, 8, READ)).isEqualTo(FAULTED);
        PendingFault f = r.v.fault;
        assertThat(f.gpa).isEqualTo(0x5FFC);
        assertThat(f.length).isEqualTo(4);
        assertThat(f.accessLength).isEqualTo(8);
        assertThat(f.accessGva).isEqualTo(last);

        r.put64(ENTRY + 8, 0x5007); // the next page shows the same bytes
        assertThat(fill(last + 4, 4, READ)).isEqualTo(FAULTED);
        f.partOf(last + 4, last, 8);
        assertThat(f.gpa).isEqualTo(0x5000);
        assertThat(f.gva).isEqualTo(last + 4);
        assertThat(f.length).isEqualTo(4);
        assertThat(f.accessLength).isEqualTo(8);
        assertThat(f.accessOffset).isEqualTo(4);
        assertThat(f.accessGva).isEqualTo(last);
    }
}
