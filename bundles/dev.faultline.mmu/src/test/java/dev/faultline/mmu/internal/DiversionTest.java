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
import dev.faultline.api.protection.Rights;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Diverted accesses, in translation: what was stopped, walks too, goes where it is sent, and
 * nothing of it stays.
 */
class DiversionTest {
    private static final long LIN = 0x40_2ABC;
    private static final long ENTRY = 0x4010;

    /** Where accesses are sent. */
    private static final long COPY = 0x9000;

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
        r.protect(0x5000, Rights.NONE);
        r.diversion.step(0x5ABC, 1, Rights.RW);
        for (int access : new int[] {READ, WRITE}) {
            assertThat(r.fill(LIN, access)).isEqualTo(r.base + 0x5ABC);
            assertThat(r.readHit(LIN)).isEqualTo(-1);
            assertThat(r.writeHit(LIN)).isEqualTo(-1);
        }
        r.v.endDiversion();
        assertThat(r.fill(LIN, READ)).isEqualTo(FAULTED);
    }

    @Test
    void anAccessThatIsSentElsewhereIsNotCached() {
        r.protect(0x5000, Rights.NONE);
        r.diversion.send(0x5ABC, 4, Rights.RW, r.base + COPY);
        for (int access : new int[] {READ, WRITE}) {
            assertThat(fill(LIN, 4, access)).isEqualTo(r.base + COPY);
            assertThat(r.readHit(LIN)).isEqualTo(-1);
            assertThat(r.writeHit(LIN)).isEqualTo(-1);
        }
    }

    @Test
    void aSteppedFetchIsForgotten() {
        r.protect(0x5000, Rights.RW);
        r.diversion.step(0x5ABC, 3, Rights.X);
        assertThat(r.fill(LIN, FETCH)).isEqualTo(r.base + 0x5ABC);
        assertThat(r.fetchHit(LIN)).isEqualTo(r.base + 0x5ABC);
        r.v.endDiversion();
        assertThat(r.fetchHit(LIN)).isEqualTo(-1);
    }

    @Test
    void onlyWhatLeavesTracesCostsTheOtherTranslations() {
        r.protect(0x5000, Rights.RW);
        assertThat(r.fill(LIN, READ)).isEqualTo(r.base + 0x5ABC);
        r.diversion.step(0x4000, 8, Rights.R);
        r.v.endDiversion();
        assertThat(r.readHit(LIN)).isEqualTo(r.base + 0x5ABC);

        r.diversion.step(0x5ABC, 3, Rights.X);
        r.fill(LIN, FETCH);
        r.v.endDiversion();
        assertThat(r.readHit(LIN)).isEqualTo(-1);

        assertThat(r.fill(LIN, READ)).isEqualTo(r.base + 0x5ABC);
        r.diversion.step(0x4000, 8, Rights.R);
        r.v.endDiversion();
        assertThat(r.readHit(LIN)).as("once").isEqualTo(r.base + 0x5ABC);
    }

    @Test
    void aSteppedWalkUsesTheTable() {
        r.protect(0x4000, Rights.NONE);
        r.diversion.step(ENTRY, 8, Rights.R);
        assertThat(r.fill(LIN, WRITE)).isEqualTo(FAULTED); // its accessed and dirty bits
        assertThat(r.v.fault.access & Rights.MASK).isEqualTo(Rights.RW);
        assertThat(r.v.fault.stopped).isEqualTo(Rights.W);
        assertThat(r.v.fault.length).isEqualTo(8);
        r.diversion.step(ENTRY, 8, Rights.RW);
        assertThat(r.fill(LIN, WRITE)).isEqualTo(r.base + 0x5ABC);
        assertThat(r.get64(ENTRY)).isEqualTo(0x5067); // accessed and dirty
    }

    @Test
    void anEntryFromElsewhereHoldsForOneInstruction() {
        r.protect(0x4000, Rights.W);
        r.put64(COPY, 0x6007);
        r.diversion.send(ENTRY, 8, Rights.R, r.base + COPY);
        assertThat(r.fill(LIN, READ)).isEqualTo(r.base + 0x6ABC);
        assertThat(r.get64(ENTRY)).isEqualTo(0x5007);
        r.v.endDiversion();
        assertThat(r.readHit(LIN)).isEqualTo(-1);
    }

    @Test
    void aDirtyBitSentElsewhereLeavesTheEntry() {
        r.protect(0x4000, Rights.R);
        r.put64(COPY, 0x5007);
        r.diversion.send(ENTRY, 8, Rights.W, r.base + COPY);
        assertThat(r.fill(LIN, WRITE)).isEqualTo(r.base + 0x5ABC);
        assertThat(r.get64(ENTRY)).isEqualTo(0x5007);
        r.v.endDiversion();
        assertThat(r.writeHit(LIN)).isEqualTo(-1);
    }

    @Test
    void onlyWhatIsDivertedIsLetThrough() {
        r.protect(0x5000, Rights.NONE);
        r.diversion.step(0x5ABC, 8, Rights.R);
        assertThat(fill(LIN, 8, READ)).isEqualTo(r.base + 0x5ABC);
        assertThat(fill(LIN, 8, WRITE)).isEqualTo(FAULTED);
        assertThat(fill(LIN + 4, 8, READ)).as("reaches past its end").isEqualTo(FAULTED);
    }

    @Test
    void theHalvesOfAReadModifyWriteAreTold() {
        r.protect(0x5000, Rights.NONE);
        assertThat(fill(LIN, 4, WRITE | MODIFY)).isEqualTo(FAULTED);
        told(Rights.RW, Rights.RW);
        r.diversion.send(0x5ABC, 4, Rights.W, r.base + COPY);
        assertThat(fill(LIN, 4, WRITE | MODIFY)).isNotNegative();
        assertThat(fill(LIN, 4, READ | MODIFY)).isEqualTo(FAULTED);
        told(Rights.R, Rights.R);
        r.v.endDiversion();

        r.diversion.send(0x5ABC, 4, Rights.R, r.base + COPY);
        assertThat(fill(LIN, 4, WRITE | MODIFY)).isEqualTo(FAULTED);
        told(Rights.W, Rights.W);
        r.v.endDiversion();

        r.protect(0x5000, Rights.W);
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
        r.protect(0x5000, Rights.NONE);
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
