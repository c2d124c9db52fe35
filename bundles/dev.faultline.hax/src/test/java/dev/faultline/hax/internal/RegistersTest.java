// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.hax.HaxAbi.EFAULT;
import static dev.faultline.api.hax.HaxAbi.EXIT_HLT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.hax.HaxOp;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Registers byte for byte: what a client sets is what the guest has, and what it gets back. */
class RegistersTest {
    private Client c = Client.linux().ram(0x1_0000);

    @AfterEach
    void close() {
        c.close();
    }

    @Test
    void everythingSetComesBack() {
        c.code("f4");
        ByteBuffer r = c.registers();
        for (int i = 0; i < 16; i++) {
            r.putLong(8 * i, 0x1111_1111_1111_1111L * i);
        }
        r.putLong(128, 0x1234).putLong(136, 0x8D7);
        for (int s = 0; s < 8; s++) {
            int at = 144 + 24 * s;
            int ar = s == 0 ? 0xC09B : s == 6 ? 0x82 : s == 7 ? 0x8B : 0x1_C093; // bit 16: null
            r.putShort(at, (short) (8 * s))
                    .putInt(at + 4, 0xFFFF + s)
                    .putLong(at + 8, 0x1_0000L * s)
                    .putInt(at + 16, ar);
        }
        r.putInt(336 + 4, 0x7F)
                .putLong(336 + 8, 0xAAAA)
                .putInt(360 + 4, 0x3FF)
                .putLong(360 + 8, 0xBBBB);
        r.putLong(384, 0x11).putLong(392, 0xC2).putLong(400, 0xC3000).putLong(408, 0x620);
        for (int i = 0; i < 4; i++) {
            r.putLong(416 + 8 * i, 0xD0 + i);
        }
        r.putLong(448, 0xFFFF_0FF0L).putLong(456, 0x400);
        r.putInt(472, 0x800).putInt(476, 0x10).putLong(480, 0x5151).putLong(488, 0x5252);
        r.putLong(504, 9); // blocked by STI, and by NMI
        c.registers(r);
        assertThat(c.registers().array()).isEqualTo(r.array());
    }

    @Test
    void registersThatAreSetEndARepetition() {
        c.code("f4");
        ByteBuffer r = c.registers();
        VcpuContext v = new VcpuContext(0);
        Registers.set(v, null, r);
        v.repeating(true);
        Registers.set(v, null, r);
        assertThat(v.repeating()).isFalse();
    }

    @Test
    void theFpuIsAnFxsaveArea() {
        c.code("d9 e8 0f 28 c1 f4"); // fld1; movaps xmm0,xmm1; hlt
        ByteBuffer f = Client.buffer(512);
        assertThat(c.vcpu(HaxOp.GET_FPU, f)).isZero();
        f.putShort(0, (short) 0x37F)
                .putShort(2, (short) 0x3000)
                .put(4, (byte) 0xC0); // TOP 6, R6 and R7 in use
        f.putLong(32, 0x8000_0000_0000_0000L).putShort(40, (short) 0x4000); // ST0 = 2.0
        f.putLong(176, 0x1234).putLong(184, 0x5678); // XMM1
        f.putInt(24, 0x1F80);
        assertThat(c.vcpu(HaxOp.SET_FPU, f)).isZero();
        ByteBuffer r = c.registers();
        c.registers(r.putLong(408, 0x600)); // OSFXSR
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.vcpu(HaxOp.GET_FPU, f)).isZero();
        assertThat(f.getShort(2) >> 11 & 7).isEqualTo(5);
        assertThat(f.get(4) & 0xFF).isEqualTo(0xE0);
        assertThat(f.getLong(32)).isEqualTo(0x8000_0000_0000_0000L);
        assertThat(f.getShort(40)).as("ST0 = 1.0").isEqualTo((short) 0x3FFF);
        assertThat(f.getShort(56)).as("ST1 = 2.0").isEqualTo((short) 0x4000);
        assertThat(f.getLong(160)).as("XMM0 = XMM1").isEqualTo(0x1234);
        assertThat(f.getLong(168)).isEqualTo(0x5678);
    }

    @Test
    void msrsUpToTheFirstUnknownOne() {
        c.code("0f 32 f4"); // rdmsr; hlt
        ByteBuffer m = Client.buffer(520);
        m.putShort(0, (short) 3);
        m.putLong(8, 0xC000_0082L).putLong(16, 0x1122_3344_5566L);
        m.putLong(24, 0x174).putLong(32, 8);
        m.putLong(40, 0xDEAD).putLong(48, 1);
        assertThat(c.vcpu(HaxOp.SET_MSRS, m)).isZero();
        assertThat(m.getShort(2)).isEqualTo((short) 2);
        c.gpr(1, 0xC000_0082L);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.gpr(0)).isEqualTo(0x3344_5566L);
        assertThat(c.gpr(2)).isEqualTo(0x1122L);
        m.putLong(16, 0).putLong(32, 0);
        assertThat(c.vcpu(HaxOp.GET_MSRS, m)).isZero();
        assertThat(m.getShort(2)).isEqualTo((short) 2);
        assertThat(m.getLong(16)).isEqualTo(0x1122_3344_5566L);
        assertThat(m.getLong(32)).isEqualTo(8);
        assertThat(c.vcpu(HaxOp.GET_MSRS, m.putShort(0, (short) 33))).isEqualTo(EFAULT);
    }

    @Test
    void theCounterGoesOnFromWhatWasSet() {
        c.code("f4");
        ByteBuffer m =
                Client.buffer(520).putShort(0, (short) 1).putLong(8, 0x10).putLong(16, 1L << 40);
        assertThat(c.vcpu(HaxOp.SET_MSRS, m)).isZero();
        assertThat(c.vcpu(HaxOp.GET_MSRS, m)).isZero();
        assertThat(m.getLong(16)).isBetween(1L << 40, (1L << 40) + 60_000_000_000L);
    }

    @Test
    void aNewVcpuIsInItsResetState() {
        assertThat(c.ioctl(c.vm, HaxOp.VCPU_CREATE, Client.buffer(4).putInt(0, 1))).isZero();
        long vcpu1 = c.driver.open("/dev/hax_vm00/vcpu01");
        ByteBuffer r = Client.buffer(512);
        assertThat(c.ioctl(vcpu1, HaxOp.GET_REGS, r)).isZero();
        assertThat(r.getLong(128)).isEqualTo(0xFFF0);
        assertThat(r.getShort(144) & 0xFFFF).isEqualTo(0xF000);
        assertThat(r.getLong(144 + 8)).isEqualTo(0xFFFF_0000L);
    }

    @Test
    void strictModeRefusesTheLastMsr() {
        c.code("f4");
        ByteBuffer full = Client.buffer(520).putShort(0, (short) 32);
        for (int i = 0; i < 32; i++) {
            full.putLong(8 + 16 * i, 0x174);
        }
        assertThat(c.vcpu(HaxOp.GET_MSRS, full)).isZero();
        assertThat(full.getShort(2)).isEqualTo((short) 32);
        c.close();
        c = Client.strict().ram(0x1_0000).code("f4");
        assertThat(c.vcpu(HaxOp.GET_MSRS, full)).isEqualTo(EFAULT);
    }
}
