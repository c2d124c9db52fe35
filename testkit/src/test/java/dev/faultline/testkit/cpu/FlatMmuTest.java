// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.engine.BusLock;
import dev.faultline.api.engine.Diversion;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import dev.faultline.testkit.memory.FakeMemory;
import dev.faultline.testkit.memory.FakeProtection;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class FlatMmuTest {
    private final FakeMemory memory = new FakeMemory(40);
    private final FakeProtection protection = new FakeProtection(0x10000);
    private final Mmu mmu = new FlatMmu(memory, protection);
    private final VcpuContext v = new VcpuContext(0);
    private final RamBlock ram = memory.ram(0x2000, 0x2000);

    @AfterEach
    void close() {
        memory.close();
    }

    private long fill(long lin, int access) {
        return mmu.fill(v, lin, 8, access, FaultOrigin.DATA);
    }

    @Test
    void anAccessFindsRamOrADevice() {
        assertThat(fill(0x3008, Mmu.READ)).isEqualTo(ram.hva() + 0x1008);
        assertThat(mmu.physical(v, 0x3008, Mmu.WRITE, FaultOrigin.DATA))
                .isEqualTo(ram.hva() + 0x1008);
        assertThat(fill(0x4000, Mmu.READ)).isEqualTo(Mmu.DEVICE);
        assertThat(v.missGpa).isEqualTo(0x4000);
        memory.map(0x2000, 0x2000, ram, 0, true);
        assertThat(fill(0x2000, Mmu.READ)).isEqualTo(ram.hva());
        assertThat(fill(0x2000, Mmu.WRITE)).isEqualTo(Mmu.DEVICE);
        assertThat(mmu.query(v, 0x2345)).isEqualTo(0x2345);
        assertThat(mmu.query(v, 0x4000)).isEqualTo(-1);
    }

    @Test
    void aClosedPageFaults() {
        protection.userLayer().protectPage(2, Rights.W);
        assertThat(fill(0x2010, Mmu.WRITE)).isEqualTo(ram.hva() + 0x10);
        assertThat(fill(0x2010, Mmu.READ)).isEqualTo(Mmu.FAULTED);
        PageFault f = new PageFault().set(0, v.fault);
        assertThat(f.gpa()).isEqualTo(0x2010);
        assertThat(f.hva()).isEqualTo(ram.hva() + 0x10);
        assertThat(f.access()).isEqualTo(Rights.R);
        assertThat(f.length()).isEqualTo(8);
        assertThat(mmu.query(v, 0x2010)).isEqualTo(-1);
    }

    @Test
    void whatItCannotFailsWithItsName() {
        assertThatThrownBy(() -> mmu.trackCode(v, 2))
                .isInstanceOf(AssertionError.class)
                .hasMessage("Mmu.trackCode");
        Diversion active =
                new Diversion() {
                    {
                        activate();
                    }

                    @Override
                    public long divert(
                            RamProtection by, int access, long gpa, int length, long hva) {
                        return hva;
                    }
                };
        VcpuContext diverted = new VcpuContext(0, new BusLock(), active);
        assertThatThrownBy(() -> mmu.fill(diverted, 0x2000, Mmu.READ, FaultOrigin.DATA))
                .isInstanceOf(AssertionError.class)
                .hasMessage("Mmu.fill with a diversion");
    }
}
