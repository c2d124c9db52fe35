// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.sse;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.kernel.simd.Mxcsr;
import dev.faultline.cpu.x86.state.Faults;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SseFaultsTest {
    private static final long ONE = Double.doubleToRawLongBits(1);

    private SseRig rig;
    private VcpuContext v;

    @BeforeEach
    void setUp() {
        rig = new SseRig();
        v = rig.v;
    }

    /** addsd xmm0, xmm1 */
    private int addsd() {
        return rig.execute(0xF2, 0x0F, 0x58, 0xC1);
    }

    /** divsd xmm0, xmm1 */
    private int divsd() {
        return rig.execute(0xF2, 0x0F, 0x5E, 0xC1);
    }

    /** paddb mm0, mm1 */
    private int paddbMmx() {
        return rig.execute(0x0F, 0xFC, 0xC1);
    }

    @Test
    void isUndefinedWhileTheSystemHasNotEnabledFxsave() {
        v.cr4 &= ~VcpuContext.CR4_OSFXSR;
        assertThat(addsd()).isEqualTo(Faults.UD);
    }

    @Test
    void emulationWinsOverTaskSwitched() {
        v.cr0 |= VcpuContext.CR0_EM | VcpuContext.CR0_TS;
        assertThat(addsd()).isEqualTo(Faults.UD);
    }

    @Test
    void isUnavailableAfterATaskSwitch() {
        v.cr0 |= VcpuContext.CR0_TS;
        assertThat(addsd()).isEqualTo(Faults.NM);
    }

    @Test
    void fencesAndPopcntNeedNoSse() {
        v.cr0 |= VcpuContext.CR0_EM | VcpuContext.CR0_TS;
        assertThat(rig.execute(0x0F, 0xAE, 0xF0)).as("mfence").isEqualTo(-1);
        assertThat(rig.execute(0xF3, 0x0F, 0xB8, 0xC1)).as("popcnt").isEqualTo(-1);
    }

    @Test
    void misalignedOperandIsAGeneralProtectionFault() {
        v.gpr[0] = 8;
        assertThat(rig.execute(0x0F, 0x28, 0x00)).as("movaps xmm0, [rax]").isEqualTo(Faults.GP);
    }

    @Test
    void unmaskedExceptionLeavesTheDestination() {
        v.xmm[0] = ONE;
        v.xmm[2] = 0;
        v.mxcsr = Mxcsr.RESET & ~(Mxcsr.ZE << Mxcsr.MASK_SHIFT);

        assertThat(divsd()).isEqualTo(Faults.XM);
        assertThat(v.xmm[0]).isEqualTo(ONE);
        assertThat(v.mxcsr & Mxcsr.FLAGS).isEqualTo(Mxcsr.ZE);
    }

    @Test
    void unmaskedExceptionIsUndefinedWithoutAHandler() {
        v.cr4 &= ~VcpuContext.CR4_OSXMMEXCPT;
        v.xmm[0] = ONE;
        v.mxcsr = Mxcsr.RESET & ~(Mxcsr.ZE << Mxcsr.MASK_SHIFT);
        assertThat(divsd()).isEqualTo(Faults.UD);
    }

    @Test
    void maskedExceptionSticks() {
        v.xmm[0] = ONE;
        assertThat(divsd()).isEqualTo(-1);
        assertThat(v.xmm[0]).isEqualTo(Double.doubleToRawLongBits(Double.POSITIVE_INFINITY));
        assertThat(v.mxcsr).isEqualTo(Mxcsr.RESET | Mxcsr.ZE);
    }

    @Test
    void mmxReportsAPendingX87Exception() {
        v.fsw = 0x80;
        assertThat(paddbMmx()).isEqualTo(Faults.MF);
    }

    @Test
    void mmxTakesOverTheX87Registers() {
        v.fsw = 3 << 11;
        v.fpTag = 0;
        v.fpSig[0] = 1;
        v.fpSig[1] = 0xFF;

        assertThat(paddbMmx()).isEqualTo(-1);
        assertThat(v.fpSig[0]).isZero();
        assertThat(v.fpExp[0]).isEqualTo(0xFFFF);
        assertThat(v.fsw & 0x3800).isZero();
        assertThat(v.fpTag).isEqualTo(0xFF);
    }

    @Test
    void vexAndUnclaimedExtensionsAreUndefined() {
        assertThat(rig.execute(0x66, 0x0F, 0x38, 0xDC, 0xC1)).as("aesenc").isEqualTo(Faults.UD);
        assertThat(rig.execute(0x0F, 0x38, 0xC8, 0xC1)).as("sha1nexte").isEqualTo(Faults.UD);
    }
}
