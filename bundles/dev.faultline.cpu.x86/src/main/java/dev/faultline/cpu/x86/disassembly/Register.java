// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

/** Names of general-purpose registers. */
final class Register {
    private static final String[] WORDS = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
    private static final String[] LOW = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"};
    private static final String[] HIGH = {"ah", "ch", "dh", "bh"};

    private Register() {}

    /** The register of ModR/M.rm or of the opcode. */
    static int rm(Fields f) {
        f.rex(Fields.REX_B);
        return f.d.rm;
    }

    static String general(int n, int bytes, Fields f) {
        if (bytes > 1) {
            return general(n, bytes);
        }
        if ((n & 4) != 0) {
            f.needRex();
        }
        return f.d.highByte(n) ? HIGH[n - 4] : n < 8 ? LOW[n] : "r" + n + "b";
    }

    /**
     * @param bytes 2, 4 or 8
     */
    static String general(int n, int bytes) {
        if (n < WORDS.length) {
            return switch (bytes) {
                case 2 -> WORDS[n];
                case 4 -> "e" + WORDS[n];
                default -> "r" + WORDS[n];
            };
        }
        return "r" + n + (bytes == 2 ? "w" : bytes == 4 ? "d" : "");
    }
}
