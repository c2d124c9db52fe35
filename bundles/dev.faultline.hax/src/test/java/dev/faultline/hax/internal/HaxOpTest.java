// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.hax.HaxLayout;
import dev.faultline.api.hax.HaxOp;
import dev.faultline.api.hax.HaxPlatform;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class HaxOpTest {
    @ParameterizedTest
    @CsvSource(
            textBlock =
                    """
                    VERSION,             c0080020, c0080020, 40002400
                    CREATE_VM,           c0040021, c0040021, 40002404
                    DESTROY_VM,          40040022, 80040022, -
                    CAPABILITY,          80100023, 40100023, 40002440
                    SET_MEMLIMIT,        c0100024, c0100024, 40002444
                    VCPU_CREATE,         c0040080, c0040080, 40002408
                    VCPU_CREATE_OLD,     80040080, 40040080, -
                    ALLOC_RAM,           c0100081, c0100081, 4000240c
                    SET_RAM,             c0180082, c0180082, 40002410
                    VCPU_DESTROY,        80040083, 40040083, 40002414
                    NOTIFY_QEMU_VERSION, 40080084, 80080084, 40002440
                    ADD_RAMBLOCK,        40180085, 80180085, 4000244c
                    SET_RAM2,            c0280086, c0280086, 40002450
                    PROTECT_RAM,         c0180087, c0180087, 40002454
                    RUN,                 000000c0, 200000c0, 40002418
                    SET_MSRS,            c20800c1, c20800c1, 4000241c
                    GET_MSRS,            c20800c2, c20800c2, 40002420
                    SET_FPU,             420000c3, 820000c3, 40002424
                    GET_FPU,             820000c4, 420000c4, 40002428
                    SETUP_TUNNEL,        c01800c5, c01800c5, 4000242c
                    INTERRUPT,           c00400c6, c00400c6, 40002430
                    SET_REGS,            c20000c7, c20000c7, 40002434
                    GET_REGS,            c20000c8, c20000c8, 40002438
                    KICKOFF,             -,        -,        4000243c
                    DEBUG,               404800c9, 804800c9, 40002458
                    SET_CPUID,           400800ca, 800800ca, 4000245c
                    GET_CPUID,           c00800cb, c00800cb, 40002460
                    """)
    void codesAreThoseOfTheReference(HaxOp op, String linux, String bsd, String windows) {
        assertThat(op.code(HaxPlatform.LINUX)).isEqualTo(code(linux));
        assertThat(op.code(HaxPlatform.MACOS)).isEqualTo(code(bsd));
        assertThat(op.code(HaxPlatform.NETBSD)).isEqualTo(code(bsd));
        assertThat(op.code(HaxPlatform.WINDOWS)).isEqualTo(code(windows));
    }

    private static OptionalInt code(String hex) {
        return hex.equals("-")
                ? OptionalInt.empty()
                : OptionalInt.of(Integer.parseUnsignedInt(hex, 16));
    }

    @ParameterizedTest
    @EnumSource
    void aCodeMeansOneOperationOfItsObject(HaxPlatform platform) {
        for (HaxOp op : HaxOp.values()) {
            op.code(platform)
                    .ifPresent(c -> assertThat(HaxOp.of(platform, op.on(), c)).isEqualTo(op));
        }
    }

    @Test
    void sizesAreThoseOfTheStructures() {
        assertThat(HaxOp.VERSION.size()).isEqualTo(HaxLayout.size(HaxLayout.MODULE_VERSION));
        assertThat(HaxOp.CAPABILITY.size()).isEqualTo(HaxLayout.size(HaxLayout.CAPABILITY));
        assertThat(HaxOp.SET_MEMLIMIT.size()).isEqualTo(HaxLayout.size(HaxLayout.MEMLIMIT));
        assertThat(HaxOp.ALLOC_RAM.size()).isEqualTo(HaxLayout.size(HaxLayout.ALLOC_RAM));
        assertThat(HaxOp.SET_RAM.size()).isEqualTo(HaxLayout.size(HaxLayout.SET_RAM));
        assertThat(HaxOp.SET_RAM2.size()).isEqualTo(HaxLayout.size(HaxLayout.SET_RAM2));
        assertThat(HaxOp.ADD_RAMBLOCK.size()).isEqualTo(HaxLayout.size(HaxLayout.RAMBLOCK));
        assertThat(HaxOp.PROTECT_RAM.size()).isEqualTo(HaxLayout.size(HaxLayout.PROTECT_RAM));
        assertThat(HaxOp.NOTIFY_QEMU_VERSION.size())
                .isEqualTo(HaxLayout.size(HaxLayout.QEMU_VERSION));
        assertThat(HaxOp.SET_MSRS.size()).isEqualTo(HaxLayout.size(HaxLayout.MSR_DATA));
        assertThat(HaxOp.SET_FPU.size()).isEqualTo(HaxLayout.size(HaxLayout.FX));
        assertThat(HaxOp.SETUP_TUNNEL.size()).isEqualTo(HaxLayout.size(HaxLayout.TUNNEL_INFO));
        assertThat(HaxOp.SET_REGS.size()).isEqualTo(HaxLayout.size(HaxLayout.VCPU_STATE));
        assertThat(HaxOp.DEBUG.size()).isEqualTo(HaxLayout.size(HaxLayout.DEBUG));
        assertThat(HaxOp.SET_CPUID.size()).isEqualTo(HaxLayout.size(HaxLayout.CPUID));
    }

    @Test
    void devicesHaveTheirNames() {
        assertThat(HaxPlatform.LINUX.moduleDevice()).isEqualTo("/dev/HAX");
        assertThat(HaxPlatform.MACOS.vmDevice(3)).isEqualTo("/dev/hax_vm/vm03");
        assertThat(HaxPlatform.NETBSD.vcpuDevice(3, 12)).isEqualTo("/dev/hax_vm03/vcpu12");
        assertThat(HaxPlatform.WINDOWS.moduleDevice()).isEqualTo("\\\\.\\HAX");
        assertThat(HaxPlatform.WINDOWS.vmDevice(3)).isEqualTo("\\\\.\\hax_vm03");
        assertThat(HaxPlatform.WINDOWS.vcpuDevice(3, 12)).isEqualTo("\\\\.\\hax_vm03_vcpu12");
    }
}
