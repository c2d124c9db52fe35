// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import static dev.faultline.api.mmu.Mmu.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.protection.Rights;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The narrow windows of a fill, one by one and on one thread: what happens between its reading the
 * rights and its publishing the leaf.
 */
class FillRaceTest {
    private final Rig r = new Rig();
    private final VcpuContext w = new VcpuContext(1);

    @BeforeEach
    void attach() {
        w.updateTlbKey();
        r.mmu.attach(w);
    }

    @AfterEach
    void close() {
        r.close();
    }

    private long fill(VcpuContext v, int access) {
        return r.mmu.fill(v, 0x5000, access, FaultOrigin.DATA);
    }

    @Test
    void restrictionInTheWindowKeepsTheLeafOut() {
        r.protection.inNextWindow(() -> r.protect(0x5000, Rights.NONE));
        fill(w, WRITE); // w may finish its instruction
        assertThat(w.request).isEqualTo(VcpuContext.REQ_FLUSH); // but not start another with this
        assertThat(r.mmu.mappedPages()).isZero();
        assertThat(fill(r.v, READ)).isEqualTo(FAULTED);
    }

    @Test
    void remappingInTheWindowKeepsTheLeafOut() {
        RamBlock a = r.memory.ram(0x200_0000, 0x1000);
        RamBlock b = r.memory.addBlock("b", 0x1000);
        r.protection.inNextWindow(() -> r.memory.map(0x200_0000, 0x1000, b, 0, false));
        assertThat(r.mmu.fill(w, 0x200_0000, READ, FaultOrigin.DATA)).isEqualTo(a.hva());
        assertThat(w.request).isEqualTo(VcpuContext.REQ_FLUSH);
        assertThat(r.fill(0x200_0000, READ)).isEqualTo(b.hva());
    }

    @Test
    void secondFillerDoesNotWaitAndIsFencedWithoutALeaf() {
        r.protection.inNextWindow(() -> {
            assertThat(fill(r.v, WRITE)).isEqualTo(r.base + 0x5000);
            assertThat(r.mmu.mappedPages()).isZero();
        });
        assertThat(fill(w, WRITE)).isEqualTo(r.base + 0x5000);
        assertThat(r.mmu.mappedPages()).isEqualTo(1);
        assertThat(r.writeHit(0x5000)).isEqualTo(r.base + 0x5000);
        r.protect(0x6000, Rights.NONE); // no leaf there, but a stray somewhere
        assertThat(r.writeHit(0x5000)).isEqualTo(-1);
        fill(r.v, WRITE);
        r.protect(0x7000, Rights.NONE); // the stray is covered by now
        assertThat(r.writeHit(0x5000)).isEqualTo(r.base + 0x5000);
    }

    @Test
    void restrictionMeetsAClaim() {
        r.protection.inNextWindow(() -> {
            fill(r.v, WRITE);
            r.protect(0x5000, Rights.R);
            assertThat(r.writeHit(0x5000)).isEqualTo(-1);
        });
        fill(w, WRITE);
        assertThat(w.request).isEqualTo(VcpuContext.REQ_FLUSH);
        assertThat(r.mmu.mappedPages()).isZero();
        assertThat(fill(r.v, WRITE)).isEqualTo(FAULTED);
    }

    @Test
    void reclaimedAfterTheRestriction() {
        r.protection.inNextWindow(() -> {
            r.protect(0x5000, Rights.R);
            assertThat(fill(r.v, READ)).isEqualTo(r.base + 0x5000);
        });
        fill(w, WRITE);
        assertThat(r.mmu.mappedPages()).isEqualTo(1);
        assertThat(fill(r.v, WRITE)).isEqualTo(FAULTED);
    }
}
