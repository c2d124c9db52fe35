// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static dev.faultline.api.mmu.Mmu.FAULTED;
import static dev.faultline.api.mmu.Mmu.FETCH;
import static dev.faultline.api.mmu.Mmu.READ;
import static dev.faultline.api.mmu.Mmu.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.memory.HostBytes;
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
        r.protection.protect(0x5000, Rights.NONE);
        r.v.diversion.step(5, null);
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
        r.protection.protect(0x5000, Rights.RW);
        r.v.diversion.step(5, null);
        assertThat(r.fill(LIN, FETCH)).isEqualTo(r.base + 0x5ABC);
        assertThat(r.fetchHit(LIN)).isEqualTo(r.base + 0x5ABC);
        r.v.endDiversion();
        assertThat(r.fetchHit(LIN)).isEqualTo(-1);
    }

    @Test
    void aSteppedWalkUsesTheTable() {
        r.protection.protect(0x4000, Rights.NONE);
        r.v.diversion.step(4, null);
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
        r.v.diversion.discard(4);
        assertThat(r.fill(LIN, WRITE)).isEqualTo(r.base + 0x5ABC);
        assertThat(r.get64(ENTRY)).isEqualTo(0x5007);
        r.v.endDiversion();
        assertThat(r.writeHit(LIN)).isEqualTo(-1);
    }

    @Test
    void aDroppedWriteGoesToACopy() {
        r.put64(0x5AB8, 0x1122_3344_5566_7788L);
        r.protection.protect(0x5000, Rights.R);
        r.v.diversion.discard(5);
        long to = r.fill(LIN, WRITE);
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
}
