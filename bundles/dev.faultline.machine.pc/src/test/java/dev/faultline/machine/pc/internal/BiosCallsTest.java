// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
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

/** What programs of real mode hear from interrupts that a BIOS would serve. */
class BiosCallsTest {
    @TempDir Path scratch;

    /**
     * <pre>
     * xor ebp, ebp
     * mov ax, 0xe820 / int 0x15 / setc bl / mov si, ax
     * mov ah, 0x41 / int 0x13 / setc bh
     * mov ah, 1 / int 0x16 / setz dl
     * mov ax, 0x1a00 / int 0x10 / mov di, ax
     * int 0x08 / int 0x70 / int3
     * int 0x12 / mov cx, ax
     * int 0x11
     * cli / hlt
     * </pre>
     */
    private static final String CALLS =
            "6631ed b820e8 cd15 0f92c3 89c6 b441 cd13 0f92c7 b401 cd16 0f94c2"
                    + " b8001a cd10 89c7 cd08 cd70 cc cd12 89c1 cd11 fa f4";

    @Test
    void callsReturnAndSayWhatIsNotThere() throws Exception {
        Path image = scratch.resolve("guest.bin");
        Files.write(image, HexFormat.of().parseHex(CALLS.replace(" ", "")));
        try (PcMachine machine =
                PcMachine.create(
                        new MachineConfig("test", 16 << 20, 1, "interpreter", "coded", List.of()),
                        new RealServices(new PcChipsetFactory()))) {
            machine.boot(new MachineConfig.Boot(image, List.of(), ""));
            VcpuContext v = (VcpuContext) machine.vcpus().getFirst();
            long stack = v.gpr[4];
            machine.start();

            assertThat(machine.await(HangGuard.limit())).isInstanceOf(VcpuExit.PoweredOff.class);

            assertThat(v.gpr[3] & 0xFFFF).as("INT 15h and 13h set CF").isEqualTo(0x0101);
            assertThat(v.gpr[6] & 0xFF00).as("INT 15h: not supported").isEqualTo(0x8600);
            assertThat(v.gpr[2] & 0xFF).as("INT 16h sets ZF: no key").isEqualTo(1);
            assertThat(v.gpr[7] & 0xFFFF).as("INT 10h leaves AX").isEqualTo(0x1A00);
            assertThat(v.gpr[1] & 0xFFFF).as("INT 12h: KiB").isEqualTo(639);
            assertThat(v.gpr[0] & 0xFFFF).as("INT 11h: serial port, text").isEqualTo(0x222);
            assertThat(v.gpr[4]).as("SP").isEqualTo(stack);
            assertThat(v.gpr[5]).as("BP is kept").isZero();
        }
    }
}
