// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import org.junit.jupiter.api.Test;

class RegistersTest {
    @Test
    void everyRegisterHasItsNameAndValue() {
        VcpuContext v = new VcpuContext(1);
        for (int i = 0; i < v.gpr.length; i++) {
            v.gpr[i] = 0x1111_0000_0000_0000L + i;
        }
        v.setFlags(2);
        v.rip = 0xFFFF_FFFF_8100_0000L;
        v.cr2 = 0xDEAD_B000L;

        assertThat(Registers.of(v))
                .startsWith("vCPU 1: ")
                .contains("rax 1111000000000000", "rsp 1111000000000004", "r15 111100000000000f")
                .contains("rip ffffffff81000000", "cr2 deadb000", "cs ", "gdt ", "rflags 00000002")
                .doesNotContain("r16")
                .endsWith("\n");
    }
}
