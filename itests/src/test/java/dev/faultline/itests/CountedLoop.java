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
 * one that is lost, or executed twice, shows. A flat binary in real mode, or one that goes on to
 * 64-bit mode and does the same there:
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

    /**
     * Page tables of one 2 MiB page at 1000h, 2000h and 3000h, a descriptor of 64-bit code,
     * EFER.LME, CR0.PG; then the loop, on ebx and [rbx + 8000h].
     */
    private static final String LONG_CODE =
            "FA31C08ED866C70600100320000066C70600200330000066C70600308300000066B8001000000F22D8"
                    + "66B8200000000F22E066B9800000C00F32660D000100000F30660F0116687C66B8010000800F22C0"
                    + "EA6E7C08006690000000000000000000000000009A20000F00587C0000"
                    + "31C0"
                    + "31C9"
                    + "01C8"
                    + "C1C803"
                    + "89CB"
                    + "81E3FC3F0000"
                    + "0183008000000383008000"
                    + "00FFC1"
                    + "EBE3";

    private static final int[] LONG_OFFSETS = {0x72, 0x74, 0x77, 0x79, 0x7F, 0x85, 0x8B, 0x8D};
    private static final int LONG_BEFORE = 20;

    private CountedLoop() {}

    static Path image(Path folder) throws IOException {
        return Files.write(folder.resolve("counted.bin"), HexFormat.of().parseHex(CODE));
    }

    /** In 64-bit mode, which the translator translates. */
    static Path longImage(Path folder) throws IOException {
        return Files.write(folder.resolve("counted64.bin"), HexFormat.of().parseHex(LONG_CODE));
    }

    /** Whether the loop has begun: only then is there something to {@link #check}. */
    static boolean begun(Machine m) {
        return m.statistics().instructions() > LONG_BEFORE;
    }

    /** Compares the paused machine with what its instruction count says. */
    static void check(Machine m) {
        VcpuState v = m.vcpus().getFirst();
        boolean wide = v.codeBits == 64;
        int[] offsets = wide ? LONG_OFFSETS : OFFSETS;
        long n = m.statistics().instructions() - (wide ? LONG_BEFORE : BEFORE);
        assertThat(n).isPositive();
        int[] words = new int[WORDS];
        int eax = 0;
        int ecx = 0;
        int bx = 0;
        for (long i = n / offsets.length; i > 0; i--) {
            int w = (ecx & 0x3FFC) >> 2;
            eax = Integer.rotateRight(eax + ecx, 3);
            words[w] += eax;
            eax += words[w];
            ecx++;
        }
        if (ecx != 0) {
            bx = ecx - 1 & 0x3FFC;
        }
        int partial = (int) (n % offsets.length);
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
        assertThat(v.rip).as("rip after %,d instructions", n).isEqualTo(ENTRY + offsets[partial]);
        assertThat((int) v.gpr[1]).as("ecx").isEqualTo(ecx);
        assertThat((int) v.gpr[0]).as("eax").isEqualTo(eax);
        assertThat((int) v.gpr[3] & 0xFFFF).as("bx").isEqualTo(bx);
        long hva = m.memory().hvaOf(ARRAY);
        for (int i = 0; i < WORDS; i++) {
            assertThat(HostBytes.get32(hva + 4L * i)).as("word %d", i).isEqualTo(words[i]);
        }
    }
}
