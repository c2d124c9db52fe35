// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static dev.faultline.api.engine.VcpuContext.CR4_PGE;
import static dev.faultline.api.mmu.Mmu.FETCH;
import static dev.faultline.api.mmu.Mmu.READ;
import static dev.faultline.api.mmu.Mmu.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** SDM 3A, "Global Pages": what stays when CR3 is loaded. */
class GlobalPagesTest {
    private static final long LIN = 0x20_2ABC;
    private static final long LOCAL = 0x20_3ABC;
    private static final long GLOBAL = 0x100;

    private final Rig r = new Rig();

    /** LIN at 0x5000, global; LOCAL at 0x6000. */
    @BeforeEach
    void map() {
        r.longMode(0x1000);
        r.v.cr4 |= CR4_PGE;
        r.put64(0x1000, 0x2003);
        r.put64(0x2000, 0x3003);
        r.put64(0x3008, 0x4003);
        r.put64(0x4010, 0x5003 | GLOBAL);
        r.put64(0x4018, 0x6003);
    }

    @AfterEach
    void close() {
        r.close();
    }

    private void fillAll(long lin) {
        r.fill(lin, READ);
        r.fill(lin, WRITE);
        r.fill(lin, FETCH);
    }

    private void hits(long lin, long gpa) {
        long hva = gpa < 0 ? -1 : r.base + gpa;
        assertThat(r.readHit(lin)).isEqualTo(hva);
        assertThat(r.writeHit(lin)).isEqualTo(hva);
        assertThat(r.fetchHit(lin)).isEqualTo(hva);
    }

    @Test
    void onlyGlobalPagesStay() {
        fillAll(LIN);
        fillAll(LOCAL);
        r.mmu.flushLocal(r.v);
        r.mmu.flushLocal(r.v);
        hits(LIN, 0x5ABC);
        hits(LOCAL, -1);
        r.mmu.flush(r.v);
        hits(LIN, -1);
    }

    @Test
    void noneStaysWithoutPge() {
        r.v.cr4 &= ~CR4_PGE;
        fillAll(LIN);
        r.mmu.flushLocal(r.v);
        hits(LIN, -1);
    }

    @Test
    void aReadOnlyOneStaysReadOnly() {
        r.put64(0x4010, 0x5001 | GLOBAL);
        r.fill(LIN, READ);
        r.mmu.flushLocal(r.v);
        assertThat(r.readHit(LIN)).isEqualTo(r.base + 0x5ABC);
        assertThat(r.writeHit(LIN)).isEqualTo(-1);
    }

    @Test
    void invalidatePageDropsThemToo() {
        fillAll(LIN);
        r.mmu.flushLocal(r.v);
        r.mmu.invalidatePage(r.v, LIN);
        hits(LIN, -1);
    }

    /** The entry above says that it is a large page, and global. */
    @Test
    void aLargePageStaysAsOne() {
        r.put64(0x3008, 0x20_0083 | GLOBAL);
        fillAll(LIN);
        fillAll(LOCAL);
        r.mmu.flushLocal(r.v);
        hits(LIN, 0x20_2ABC);
        hits(LOCAL, 0x20_3ABC);
        r.mmu.invalidatePage(r.v, 0x20_0000);
        hits(LIN, -1);
        hits(LOCAL, -1);
    }

    /** Bit 8 of an entry that maps no page is ignored. */
    @Test
    void onlyTheLastEntryTells() {
        r.put64(0x1000, 0x2003 | GLOBAL);
        r.put64(0x2000, 0x3003 | GLOBAL);
        r.put64(0x3008, 0x4003 | GLOBAL);
        fillAll(LOCAL);
        r.mmu.flushLocal(r.v);
        hits(LOCAL, -1);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void alsoOf32BitPaging(boolean large) {
        r.v.efer = 0;
        r.v.cr4 = CR4_PGE | 0x10; // PSE
        r.put32(0x1000, large ? 0x183 : 0x2003);
        r.put32(0x2000 + 0x202 * 4, 0x5003 | GLOBAL);
        fillAll(LIN);
        r.mmu.flushLocal(r.v);
        hits(LIN, large ? LIN : 0x5ABC);
    }

    /** Generations of translations are used again after some. */
    @Test
    void whatWentNeverComesBack() {
        fillAll(LIN);
        fillAll(LOCAL);
        for (int i = 0; i < 3000; i++) {
            r.mmu.flushLocal(r.v);
            hits(LOCAL, -1);
            if (r.readHit(LIN) == -1) {
                hits(LIN, -1);
            } else {
                hits(LIN, 0x5ABC);
            }
        }
    }
}
