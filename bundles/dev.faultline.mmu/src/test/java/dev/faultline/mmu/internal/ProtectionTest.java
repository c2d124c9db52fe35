// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static dev.faultline.api.engine.VcpuContext.CR4_PAE;
import static dev.faultline.api.mmu.Mmu.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.protection.Rights;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** RAM protection of the access itself and of every paging structure that it needs. */
class ProtectionTest {
    private static final long LIN = 0x40_2ABCL;

    private final Rig r = new Rig();

    @AfterEach
    void close() {
        r.close();
    }

    private void mapLin() {
        r.longMode(0x1000);
        r.put64(0x1000, 0x2007);
        r.put64(0x2000, 0x3007);
        r.put64(0x3010, 0x4007);
        r.put64(0x4010, 0x5007);
    }

    static Stream<Arguments> rightsAndAccesses() {
        return Stream.of(READ, WRITE, FETCH)
                .flatMap(a ->
                        Stream.of(0, 1, 2, 3, 4, 5, 6, 7)
                                .flatMap(n ->
                                        Stream.of(
                                                Arguments.of(n, a, true),
                                                Arguments.of(n, a, false))));
    }

    @ParameterizedTest
    @MethodSource("rightsAndAccesses")
    void accessHasExactlyTheRightsOfThePage(int rights, int access, boolean paging) {
        long lin = paging ? LIN : 0x5ABC;
        if (paging) {
            mapLin();
        }
        r.protect(0x5000, rights);
        long got = r.mmu.fill(r.v, lin, access, FaultOrigin.DESCRIPTOR);
        PendingFault f = r.v.fault;
        if ((rights & access) == 0) {
            assertThat(got).isEqualTo(FAULTED);
            assertThat(f.kind).isEqualTo(PendingFault.PROTECTED);
            assertThat(f.access).isEqualTo(access | rights << 3 | 0x180);
            assertThat(f.origin).isEqualTo(FaultOrigin.DESCRIPTOR);
            assertThat(f.gpa).isEqualTo(0x5ABC);
            assertThat(f.gva).isEqualTo(lin);
            assertThat(f.hva).isEqualTo(r.base + 0x5ABC);
        } else {
            assertThat(got).isEqualTo(r.base + 0x5ABC);
            boolean data = access != FETCH;
            boolean written = data && (!paging || access == WRITE);
            assertThat(r.readHit(lin) >= 0).isEqualTo(data && (rights & 1) != 0);
            assertThat(r.writeHit(lin) >= 0).isEqualTo(written && (rights & 2) != 0);
            assertThat(r.fetchHit(lin) >= 0).isEqualTo(!data);
        }
    }

    @ParameterizedTest
    @MethodSource("rightsAndAccesses")
    void physicalAccessIsGuarded(int rights, int access, boolean cached) {
        if (cached) {
            r.fill(0x5000, READ);
        }
        r.protect(0x5000, rights);
        long got = r.mmu.physical(r.v, 0x5ABC, access, FaultOrigin.DATA);
        if ((rights & access) == 0) {
            assertThat(got).isEqualTo(FAULTED);
            assertThat(r.v.fault.access).isEqualTo(access | rights << 3 | 0x100);
            assertThat(r.v.fault.gpa).isEqualTo(0x5ABC);
        } else {
            assertThat(got).isEqualTo(r.base + 0x5ABC);
        }
    }

    @Test
    void restrictingDropsWhatIsCachedAndWideningIsLazy() {
        r.fill(0x5000, WRITE);
        r.fill(0x5000, FETCH);
        r.protect(0x5000, Rights.RX);
        assertThat(r.mmu.mappedPages()).isZero();
        assertThat(r.writeHit(0x5000)).isEqualTo(-1);
        assertThat(r.readHit(0x5000)).isEqualTo(-1);
        assertThat(r.fetchHit(0x5000)).isEqualTo(-1);
        assertThat(r.fill(0x5000, READ)).isEqualTo(r.base + 0x5000);
        assertThat(r.writeHit(0x5000)).isEqualTo(-1);
        assertThat(r.fill(0x5000, WRITE)).isEqualTo(FAULTED);
        r.protect(0x5000, Rights.RWX);
        assertThat(r.fill(0x5000, WRITE)).isEqualTo(r.base + 0x5000);
        assertThat(r.mmu.mappedPages()).isEqualTo(1);
    }

    @Test
    void restrictingAnUnusedPageFlushesNobody() {
        r.fill(0x5000, WRITE);
        r.protect(0x6000, Rights.NONE);
        assertThat(r.writeHit(0x5000)).isEqualTo(r.base + 0x5000);
    }

    /** The table page is unreadable: the fault names the entry, not the access. */
    @ParameterizedTest
    @CsvSource({"1000,1000", "2000,2000", "3000,3010", "4000,4010"})
    void unreadableTable(String page, String entry) {
        mapLin();
        long gpa = Long.parseLong(entry, 16);
        r.protect(Long.parseLong(page, 16), Rights.W | Rights.X);
        assertThat(r.fill(LIN, FETCH)).isEqualTo(FAULTED);
        stoppedWalk(gpa, 1 | 6 << 3);
        assertThat(r.mmu.query(r.v, LIN)).isEqualTo(-1);
        r.protect(Long.parseLong(page, 16), Rights.RWX);
        assertThat(r.fill(LIN, FETCH)).isEqualTo(r.base + 0x5ABC);
        assertThat(r.mmu.query(r.v, LIN)).isEqualTo(0x5ABC);
    }

    /** The table page is read-only: setting A stops, once; with A set it need not be written. */
    @ParameterizedTest
    @CsvSource({"1000,1000", "2000,2000", "3000,3010", "4000,4010"})
    void unwritableTable(String page, String entry) {
        mapLin();
        long gpa = Long.parseLong(entry, 16);
        r.protect(Long.parseLong(page, 16), Rights.R);
        assertThat(r.fill(LIN, READ)).isEqualTo(FAULTED);
        stoppedWalk(gpa, 3 | 1 << 3);
        assertThat(r.get64(gpa) & 0x20).isZero();
        r.put64(gpa, r.get64(gpa) | 0x20);
        assertThat(r.fill(LIN, READ)).isEqualTo(r.base + 0x5ABC);
    }

    @Test
    void dirtyBitNeedsTheTableWritable() {
        mapLin();
        r.fill(LIN, READ);
        r.protect(0x4000, Rights.RX);
        assertThat(r.fill(LIN, WRITE)).isEqualTo(FAULTED);
        stoppedWalk(0x4010, 3 | 5 << 3);
        assertThat(r.get64(0x4010) & 0x40).isZero();
        assertThat(r.fill(LIN, READ)).isEqualTo(r.base + 0x5ABC);
    }

    @ParameterizedTest
    @CsvSource({"1000,1004,1", "2000,2008,1", "1000,1004,2", "2000,2008,2"})
    void narrowTablesAreGuardedToo(String page, String entry, int kind) {
        r.v.cr0 = 0x8000_0001L;
        r.v.cr3 = 0x1000;
        r.put32(0x1004, 0x2007);
        r.put32(0x2008, 0x5007);
        r.protect(Long.parseLong(page, 16), Rights.RWX & ~kind);
        assertThat(r.fill(LIN, WRITE)).isEqualTo(FAULTED);
        // Setting bits of an entry is a read-modify-write.
        int told = kind == Rights.W ? Rights.RW : kind;
        stoppedWalk(Long.parseLong(entry, 16), told | (7 & ~kind) << 3);
    }

    private void stoppedWalk(long entry, int accessAndRights) {
        PendingFault f = r.v.fault;
        assertThat(f.kind).isEqualTo(PendingFault.PROTECTED);
        assertThat(f.origin).isEqualTo(FaultOrigin.PAGE_WALK);
        assertThat(f.access).isEqualTo(accessAndRights | PendingFault.GVA_VALID);
        assertThat(f.gpa).isEqualTo(entry);
        assertThat(f.length).isEqualTo((r.v.cr4 & CR4_PAE) != 0 ? 8 : 4);
        assertThat(f.gva).isEqualTo(LIN);
        assertThat(f.hva).isEqualTo(r.base + entry);
    }
}
