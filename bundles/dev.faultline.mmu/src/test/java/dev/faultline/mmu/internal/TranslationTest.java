// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static dev.faultline.api.engine.VcpuContext.*;
import static dev.faultline.api.mmu.Mmu.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.protection.Rights;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the caches hold, INVLPG, PDPTEs, devices and ROM. */
class TranslationTest {
    private static final long LIN = 0xFFFF_FFFF_8020_2ABCL;

    private final Rig r = new Rig();

    @AfterEach
    void close() {
        r.close();
    }

    /** Maps LIN to 0x5000 through tables at 0x1000 .. 0x4000. */
    private void mapLin(long leafFlags) {
        r.longMode(0x1000);
        r.put64(0x1000 + 0x1FF * 8, 0x2007);
        r.put64(0x2000 + 0x1FE * 8, 0x3007);
        r.put64(0x3000 + 8, 0x4007);
        r.put64(0x4000 + 16, 0x5000 | leafFlags);
    }

    @Test
    void unpagedLinearIsPhysical() {
        assertThat(r.fill(0x1234, READ)).isEqualTo(r.base + 0x1234);
        assertThat(r.readHit(0x1238)).isEqualTo(r.base + 0x1238);
        assertThat(r.writeHit(0x1238)).isEqualTo(r.base + 0x1238);
        assertThat(r.fetchHit(0x1238)).isEqualTo(-1);
        assertThat(r.fill(0x1234, FETCH)).isEqualTo(r.base + 0x1234);
        assertThat(r.fetchHit(0x1238)).isEqualTo(r.base + 0x1238);
        assertThat(r.v.fetchGfn[1]).isEqualTo(1);
        assertThat(r.mmu.mappedPages()).isEqualTo(1);
        assertThat(r.mmu.query(r.v, 0x1234)).isEqualTo(0x1234);
    }

    @Test
    void writableEntryOnlyOnceDirty() {
        mapLin(3);
        assertThat(r.fill(LIN, READ)).isEqualTo(r.base + 0x5ABC);
        assertThat(r.get64(0x4010)).isEqualTo(0x5023);
        assertThat(r.get64(0x3008)).isEqualTo(0x4027);
        assertThat(r.writeHit(LIN)).isEqualTo(-1);
        assertThat(r.fill(LIN, WRITE)).isEqualTo(r.base + 0x5ABC);
        assertThat(r.get64(0x4010)).isEqualTo(0x5063);
        assertThat(r.writeHit(LIN)).isEqualTo(r.base + 0x5ABC);
    }

    @Test
    void readFillOfAnotherPageTakesTheWriteTagToo() {
        r.fill(0x3000, WRITE);
        r.protect(0x40_3000, Rights.R);
        r.fill(0x40_3000, READ);
        assertThat(r.readHit(0x40_3000)).isEqualTo(r.base + 0x40_3000);
        assertThat(r.writeHit(0x40_3000)).isEqualTo(-1);
        assertThat(r.readHit(0x3000)).isEqualTo(-1);
        assertThat(r.writeHit(0x3000)).isEqualTo(-1);
    }

    @Test
    void implicitAccessFromUserModeFillsASupervisorEntry() {
        mapLin(0x63);
        r.cpl(3);
        assertThat(r.fill(LIN, READ | SYSTEM)).isEqualTo(r.base + 0x5ABC);
        assertThat(r.readHit(LIN)).isEqualTo(-1);
        r.cpl(0);
        assertThat(r.readHit(LIN)).isEqualTo(r.base + 0x5ABC);
    }

    @Test
    void invalidatePageDropsDataAndFetchUnderAnyKey() {
        mapLin(0x67);
        r.fill(LIN, WRITE);
        r.fill(LIN, FETCH);
        long key = r.v.tlbKey;
        r.cpl(3);
        r.mmu.invalidatePage(r.v, LIN);
        r.cpl(0);
        assertThat(r.v.tlbKey).isEqualTo(key);
        assertThat(r.readHit(LIN)).isEqualTo(-1);
        assertThat(r.writeHit(LIN)).isEqualTo(-1);
        assertThat(r.fetchHit(LIN)).isEqualTo(-1);
    }

    @Test
    void invalidatePageLeavesOtherPages() {
        r.fill(0x3000, WRITE);
        r.mmu.invalidatePage(r.v, 0x4000);
        r.mmu.invalidatePage(r.v, 0x40_3000); // same slot of the cache
        assertThat(r.writeHit(0x3000)).isEqualTo(r.base + 0x3000);
    }

    /** level 2: a 2 MiB page; 3: 1 GiB. */
    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void invalidatePageDropsEveryPieceOfALargePage(int level) {
        mapLin(0x63);
        r.put64(level == 2 ? 0x3008 : 0x2000 + 0x1FE * 8, level == 2 ? 0x20_00E3 : 0xE3);
        long other = LIN + 0x5000;
        r.fill(LIN, READ);
        r.fill(other, READ);
        r.fill(other, FETCH);
        assertThat(r.readHit(other)).isEqualTo(r.base + 0x20_7ABC);
        r.mmu.invalidatePage(r.v, LIN + (level == 2 ? 0x9000 : 0xC0_0000));
        assertThat(r.readHit(LIN)).isEqualTo(-1);
        assertThat(r.readHit(other)).isEqualTo(-1);
        assertThat(r.fetchHit(other)).isEqualTo(-1);
    }

    @Test
    void fetchUnderAlignmentCheckingIsCached() {
        mapLin(0x67);
        r.put64(0x1000 + 0x1FF * 8, 0x2007);
        r.cpl(3);
        r.v.cr0 |= CR0_AM;
        r.v.eflags |= AC;
        r.v.updateTlbKey();
        assertThat(r.v.tlbKey & 3).isEqualTo(3);
        r.fill(LIN, FETCH);
        assertThat(r.fetchHit(LIN)).isEqualTo(r.base + 0x5ABC);
    }

    @Test
    void flushDropsEverything() {
        r.fill(0x3000, WRITE);
        r.fill(0x3000, FETCH);
        r.mmu.flush(r.v);
        assertThat(r.readHit(0x3000)).isEqualTo(-1);
        assertThat(r.writeHit(0x3000)).isEqualTo(-1);
        assertThat(r.fetchHit(0x3000)).isEqualTo(-1);
    }

    @Test
    void deviceSpace() {
        for (int access : new int[] {READ, WRITE, FETCH, READ | SYSTEM}) {
            assertThat(r.fill(0xFEE0_0300L, access)).isEqualTo(DEVICE);
            assertThat(r.v.missGpa).isEqualTo(0xFEE0_0300L);
        }
        assertThat(r.mmu.physical(r.v, -8, READ, FaultOrigin.DATA)).isEqualTo(DEVICE);
        assertThat(r.mmu.mappedPages()).isZero();
    }

    @Test
    void deviceIsSeenBeforeProtection() {
        r.protect(0xF00_0000, Rights.NONE);
        assertThat(r.fill(0xF00_0010, WRITE)).isEqualTo(DEVICE);
    }

    @Test
    void newMappingReplacesDevice() {
        assertThat(r.fill(0x200_0000, READ)).isEqualTo(DEVICE);
        RamBlock b = r.memory.ram(0x200_0000, 0x1000);
        assertThat(r.fill(0x200_0008, READ)).isEqualTo(b.hva() + 8);
    }

    @Test
    void remappedPageTakesTheNewBacking() {
        RamBlock one = r.memory.ram(0x200_0000, 0x2000);
        RamBlock two = r.memory.addBlock("two", 0x2000);
        assertThat(r.fill(0x200_1000, WRITE)).isEqualTo(one.hva() + 0x1000);
        r.memory.map(0x200_0000, 0x2000, two, 0, false);
        assertThat(r.writeHit(0x200_1000)).isEqualTo(-1);
        assertThat(r.fill(0x200_1000, WRITE)).isEqualTo(two.hva() + 0x1000);
        r.memory.unmap(0x200_0000, 0x2000);
        assertThat(r.readHit(0x200_1000)).isEqualTo(-1);
        assertThat(r.fill(0x200_1000, WRITE)).isEqualTo(DEVICE);
        assertThat(r.mmu.mappedPages()).isZero();
    }

    @Test
    void romReadsAndFetchesButIsADeviceForWrites() {
        RamBlock b = r.memory.addBlock("rom", 0x1000);
        r.memory.map(0xFFFF_F000L, 0x1000, b, 0, true);
        assertThat(r.fill(0xFFFF_FFF0L, READ)).isEqualTo(b.hva() + 0xFF0);
        assertThat(r.writeHit(0xFFFF_FFF0L)).isEqualTo(-1);
        assertThat(r.fill(0xFFFF_FFF0L, FETCH)).isEqualTo(b.hva() + 0xFF0);
        assertThat(r.fill(0xFFFF_FFF0L, WRITE)).isEqualTo(DEVICE);
        assertThat(r.v.missGpa).isEqualTo(0xFFFF_FFF0L);
        assertThat(r.readHit(0xFFFF_FFF0L)).isEqualTo(b.hva() + 0xFF0);
    }

    @Test
    void pageTablesInRomWorkWithoutAccessedBits() {
        mapLin(3);
        RamBlock b = r.memory.addBlock("rom", 0x1000);
        r.memory.map(0x200_0000, 0x1000, b, 0, true);
        HostBytes.put64(b.hva() + 0x1FF * 8, 0x2003);
        r.v.cr3 = 0x200_0000;
        assertThat(r.fill(LIN, WRITE)).isEqualTo(r.base + 0x5ABC);
        assertThat(HostBytes.get64(b.hva() + 0x1FF * 8)).isEqualTo(0x2003);
    }

    @Test
    void pageTableInDeviceSpaceIsAReservedBitFault() {
        r.longMode(0x10_0000_0000L - 0x1000);
        assertThat(r.fill(LIN, WRITE)).isEqualTo(FAULTED);
        assertThat(r.v.fault.kind).isEqualTo(PendingFault.GUEST);
        assertThat(r.v.fault.errorCode).isEqualTo(0xB);
        assertThat(r.mmu.query(r.v, LIN)).isEqualTo(-1);
    }

    // ---- PDPTEs

    private void pae() {
        r.v.cr0 = CR0_PE | 0x8000_0000L;
        r.v.cr4 = CR4_PAE;
    }

    @Test
    void loadsPdptesFromA32ByteAlignedTable() {
        pae();
        r.put64(0x1020, 0x2001);
        r.put64(0x1028, 0xFFE); // not present: not checked
        r.put64(0x1038, 0x3E19);
        assertThat(r.mmu.loadPdptes(r.v, 0x103F)).isZero();
        assertThat(r.v.pdpte).containsExactly(0x2001, 0xFFE, 0, 0x3E19);
    }

    @ParameterizedTest
    @CsvSource({"2", "4", "20", "40", "80", "100", "10000000000", "8000000000000000"})
    void reservedBitInAPdpteIsGeneralProtection(String bit) {
        pae();
        r.v.pdpte[0] = 0x77;
        r.put64(0x1000, 0x2001);
        r.put64(0x1018, 0x3001 | Long.parseUnsignedLong(bit, 16));
        assertThat(r.mmu.loadPdptes(r.v, 0x1000)).isEqualTo(FAULTED);
        assertThat(r.v.fault.kind).isEqualTo(PendingFault.GUEST);
        assertThat(r.v.fault.vector).isEqualTo(13);
        assertThat(r.v.fault.errorCode).isZero();
        assertThat(r.v.pdpte[0]).isEqualTo(0x77);
    }

    /** MOV CR0 turns paging on only after its PDPTEs have been loaded. */
    @Test
    void pdptesAreLoadedBeforePagingIsOn() {
        pae();
        r.v.cr0 = CR0_PE;
        r.put64(0x1000, 0x2001);
        assertThat(r.mmu.loadPdptes(r.v, 0x1000)).isZero();
        assertThat(r.v.pdpte).containsExactly(0x2001, 0, 0, 0);
    }

    @Test
    void pdpteTableIsGuarded() {
        pae();
        r.protect(0x1000, Rights.W);
        assertThat(r.mmu.loadPdptes(r.v, 0x1020)).isEqualTo(FAULTED);
        assertThat(r.v.fault.kind).isEqualTo(PendingFault.PROTECTED);
        assertThat(r.v.fault.origin).isEqualTo(FaultOrigin.PAGE_WALK);
        assertThat(r.v.fault.gpa).isEqualTo(0x1020);
        assertThat(r.v.fault.access).isEqualTo(1 | Rights.W << 3);
    }

    // ---- use

    @Test
    void strangersAreRefused() {
        VcpuContext other = new VcpuContext(0);
        assertThatThrownBy(() -> r.mmu.fill(other, 0, READ, FaultOrigin.DATA))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> r.mmu.attach(other)).isInstanceOf(IllegalArgumentException.class);
        r.mmu.detach(r.v);
        assertThatThrownBy(() -> r.fill(0, READ)).isInstanceOf(IllegalStateException.class);
        r.mmu.attach(other);
        assertThat(r.mmu.fill(other, 0, READ, FaultOrigin.DATA)).isEqualTo(r.base);
    }

    @Test
    void fillAllocatesNothing() {
        mapLin(0x67);
        r.protect(0x6000, Rights.NONE);
        churn(20_000);
        var bean = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = bean.getCurrentThreadAllocatedBytes();
        churn(20_000);
        long allocated = bean.getCurrentThreadAllocatedBytes() - before;
        assertThat(allocated).isLessThan(20_000); // under one byte a fill; the JIT may add a little
    }

    private void churn(int times) {
        for (int i = 0; i < times; i++) {
            r.put64(0x4010, 0x5007);
            r.fill(LIN, READ);
            r.fill(LIN, WRITE);
            r.fill(LIN, FETCH);
            r.put64(0x4010, 0x6007);
            r.fill(LIN, READ);
            r.put64(0x4010, 0);
            r.fill(LIN, READ);
            r.mmu.invalidatePage(r.v, LIN);
        }
    }
}
