// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.device.pc.internal.PcChipsetFactory;
import dev.faultline.testkit.HangGuard;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** x87 errors with CR0.NE = 0, as programs of the original PC handle them. */
class CoprocessorErrorTest {
    /**
     * Divides by zero twice with that exception unmasked, each error handled by vector 0x75.
     *
     * <pre>
     * cli
     * mov word [0x75*4], handler
     * mov word [0x75*4+2], 0
     * mov al,0x11
     * out 0x20,al
     * out 0xa0,al
     * mov al,8
     * out 0x21,al
     * mov al,0x70
     * out 0xa1,al
     * mov al,4
     * out 0x21,al
     * mov al,2
     * out 0xa1,al
     * mov al,1
     * out 0x21,al
     * out 0xa1,al
     * mov al,0xfb
     * out 0x21,al
     * mov al,0xdf
     * out 0xa1,al
     * mov eax,cr0
     * and al,0xd3        ; NE, TS, EM off
     * mov cr0,eax
     * mov byte [0x600],0
     * fninit
     * mov word [0x602],0x37b
     * fldcw [0x602]
     * sti
     * call div
     * call div
     * mov al,[0x600]
     * out 0xf4,al
     * div: fld1
     * fldz
     * fdivp
     * fwait
     * ret
     * handler: push ax
     * inc byte [0x600]
     * out 0xf0,al
     * fwait             ; ignored: IGNNE#
     * fnclex
     * mov al,0x20
     * out 0xa0,al
     * out 0x20,al
     * pop ax
     * iret
     * </pre>
     */
    private static final String GUEST =
            "fac706d4015e7cc706d6010000b011e620e6a0b008e621b070e6a1b004e621b002e6a1b001e621e6"
                    + "a1b0fbe621b0dfe6a10f20c024d30f22c0c606000600dbe3c70602067b03d92e0206fbe80800e805"
                    + "00a00006e6f4d9e8d9eedef99bc350fe060006e6f09bdbe2b020e6a0e62058cf";

    @TempDir Path scratch;

    @Test
    void anErrorIsHandledByIrqThirteenAndTheInstructionGoesOn() throws Exception {
        Path image = scratch.resolve("guest.bin");
        Files.write(image, HexFormat.of().parseHex(GUEST));
        try (PcMachine m =
                PcMachine.create(
                        new MachineConfig("test", 4 << 20, 1, "interpreter", "coded", List.of()),
                        new RealServices(new PcChipsetFactory()))) {
            m.boot(new MachineConfig.Boot(image, List.of(), ""));
            m.start();
            assertThat(m.await(HangGuard.limit())).isEqualTo(new VcpuExit.Exited(2 << 1 | 1));
        }
    }
}
