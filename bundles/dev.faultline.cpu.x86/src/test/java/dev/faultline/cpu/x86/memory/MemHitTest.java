// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.memory;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What is asked of the translation cache alone: an answer means that every byte lies in the one
 * page that is cached, with the right that is asked for.
 */
class MemHitTest {
    private static final long PAGE = 0x7FFF_1234_5000L;
    private static final long HVA = 0x10_0000;
    private static final int SLOT =
            (int) (PAGE >>> 12 & VcpuContext.TLB_ENTRIES - 1) * VcpuContext.TLB_STRIDE;

    private final VcpuContext v = new VcpuContext(0);

    private void cache(boolean read, boolean write) {
        v.tlbKey = 0x124;
        v.tlb[SLOT] = read ? PAGE | v.tlbKey : -1;
        v.tlb[SLOT + 1] = write ? PAGE | v.tlbKey : -1;
        v.tlb[SLOT + 2] = HVA - PAGE;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 8, 16, 56, 64})
    void allBytesAreInThePage(int size) {
        cache(true, true);
        for (int at = 0; at < 0x1000; at++) {
            long hva = at + size <= 0x1000 ? HVA + at : -1;
            assertThat(Mem.readHit(v, PAGE + at, size)).as("read at %x", at).isEqualTo(hva);
            assertThat(Mem.writeHit(v, PAGE + at, size)).as("write at %x", at).isEqualTo(hva);
        }
        assertThat(Mem.readHit(v, PAGE - 1, size)).isEqualTo(-1);
        assertThat(Mem.writeHit(v, PAGE + 0x1000, size)).isEqualTo(-1);
    }

    @Test
    void eachRightForItself() {
        cache(true, false);
        assertThat(Mem.readHit(v, PAGE, 8)).isEqualTo(HVA);
        assertThat(Mem.writeHit(v, PAGE, 8)).isEqualTo(-1);
        cache(false, true);
        assertThat(Mem.readHit(v, PAGE, 8)).isEqualTo(-1);
        assertThat(Mem.writeHit(v, PAGE, 8)).isEqualTo(HVA);
    }

    @Test
    void onlyWithTheSameKeyAndPage() {
        cache(true, true);
        long alias = PAGE + ((long) VcpuContext.TLB_ENTRIES << 12);
        assertThat(Mem.readHit(v, alias, 8)).isEqualTo(-1);
        assertThat(Mem.writeHit(v, alias, 8)).isEqualTo(-1);
        for (long key : new long[] {0x120, 0x125, 0x128}) { // another class, another flush
            v.tlbKey = key;
            assertThat(Mem.readHit(v, PAGE, 8)).isEqualTo(-1);
            assertThat(Mem.writeHit(v, PAGE, 8)).isEqualTo(-1);
        }
    }
}
