// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.vm.Machine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;

/**
 * A guest without end whose whole state follows from the number of instructions it has executed:
 * one that is lost, or executed twice, shows. A flat binary in real mode:
 *
 * <pre>
 *         xor eax, eax
 *         xor ecx, ecx
 *   next: add eax, ecx
 *         ror eax, 3
 *         mov bx, cx
 *         and bx, 3FFCh
 *         add [bx + 8000h], eax
 *         add eax, [bx + 8000h]
 *         inc ecx
 *         jmp next
 * </pre>
 */
final class CountedLoop {
    private static final String CODE =
            "6631C0"
                    + "6631C9"
                    + "6601C8"
                    + "66C1C803"
                    + "89CB"
                    + "81E3FC3F"
                    + "66018700806603870080"
                    + "6641"
                    + "EBE5";
    private static final long ENTRY = 0x7C00;
    private static final long ARRAY = 0x8000;
    private static final int WORDS = 4096;

    /** Of the loop's instructions, from the entry. */
    private static final int[] OFFSETS = {6, 9, 13, 15, 19, 24, 29, 31};

    private static final int BEFORE = 2;

    private CountedLoop() {}

    static Path image(Path folder) throws IOException {
        return Files.write(folder.resolve("counted.bin"), HexFormat.of().parseHex(CODE));
    }

    /** Compares the paused machine with what its instruction count says. */
    static void check(Machine m) {
        VcpuState v = m.vcpus().getFirst();
        long n = m.statistics().instructions() - BEFORE;
        assertThat(n).isPositive();
        int[] words = new int[WORDS];
        int eax = 0;
        int ecx = 0;
        int bx = 0;
        for (long i = n / OFFSETS.length; i > 0; i--) {
            int w = (ecx & 0x3FFC) >> 2;
            eax = Integer.rotateRight(eax + ecx, 3);
            words[w] += eax;
            eax += words[w];
            ecx++;
        }
        if (ecx != 0) {
            bx = ecx - 1 & 0x3FFC;
        }
        int partial = (int) (n % OFFSETS.length);
        for (int i = 0; i < partial; i++) {
            switch (i) {
                case 0 -> eax += ecx;
                case 1 -> eax = Integer.rotateRight(eax, 3);
                case 2 -> bx = ecx & 0xFFFF;
                case 3 -> bx &= 0x3FFC;
                case 4 -> words[bx >> 2] += eax;
                case 5 -> eax += words[bx >> 2];
                default -> ecx++;
            }
        }
        assertThat(v.rip).as("rip after %,d instructions", n).isEqualTo(ENTRY + OFFSETS[partial]);
        assertThat((int) v.gpr[1]).as("ecx").isEqualTo(ecx);
        assertThat((int) v.gpr[0]).as("eax").isEqualTo(eax);
        assertThat((int) v.gpr[3] & 0xFFFF).as("bx").isEqualTo(bx);
        long hva = m.memory().hvaOf(ARRAY);
        for (int i = 0; i < WORDS; i++) {
            assertThat(HostBytes.get32(hva + 4L * i)).as("word %d", i).isEqualTo(words[i]);
        }
    }
}
