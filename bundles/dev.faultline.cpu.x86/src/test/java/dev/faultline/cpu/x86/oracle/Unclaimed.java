// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.oracle;

import dev.faultline.cpu.x86.isa.Row;

/**
 * Instructions that the host has and our CPUID does not claim, so that they mean something else
 * here (usually #UD). The only vectors that are not compared.
 */
final class Unclaimed {
    private Unclaimed() {}

    /**
     * @param entry what our decoder makes of it, null: nothing
     */
    static String reason(OracleVector t, Row entry, int mode) {
        if (t.map >= 4) {
            return "VEX and EVEX (AVX, BMI, FMA, AVX-512)";
        }
        int at = 0;
        boolean f3 = false;
        boolean prefix = true;
        while (prefix && at < 15) {
            int b = t.code[at] & 0xFF;
            f3 |= b == 0xF3;
            prefix =
                    switch (b) {
                        case 0x66, 0x67, 0xF0, 0xF2, 0xF3, 0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65 ->
                                true;
                        default -> mode == 64 && (b & 0xF0) == 0x40;
                    };
            if (prefix) {
                at++;
            }
        }
        int op = t.code[Math.min(15, at + (t.map == 0 ? 0 : t.map == 1 ? 1 : 2))] & 0xFF;
        if (t.map == 1 && op == 0xBC && f3) {
            return "TZCNT (BMI1): BSF here";
        }
        return entry != null ? null : absent(t.map, op);
    }

    private static String absent(int map, int op) {
        if (map == 2 && op >= 0xC8 && op <= 0xCD || map == 3 && op == 0xCC) {
            return "SHA";
        }
        if (map == 2 && op >= 0xDB && op <= 0xDF || map == 3 && op == 0xDF) {
            return "AES";
        }
        if (map == 2 && op == 0xCF || map == 3 && (op == 0xCE || op == 0xCF)) {
            return "GFNI";
        }
        if (map == 1 && (op == 0x2B || op == 0x78 || op == 0x79)) {
            return "SSE4A (AMD): MOVNTSS, MOVNTSD, EXTRQ, INSERTQ";
        }
        if (map == 1 && op == 0xAE) {
            return "group 15: CET, PTWRITE, CLWB, CLFLUSHOPT";
        }
        if (map == 3 && op == 0xF0) {
            return "HRESET";
        }
        if (map == 2 && op == 0xF6) {
            return "CET (WRSS)";
        }
        return null;
    }
}
