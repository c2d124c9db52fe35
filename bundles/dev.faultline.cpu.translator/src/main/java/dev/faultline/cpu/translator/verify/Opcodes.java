// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.verify;

/**
 * What generated code may be made of besides what {@link Rules} knows by its form: a number for
 * each opcode, 0 if it may not occur. Written from SDM 2D, "Opcode Map", not from the instruction
 * table: an access of which that has the wrong size would be probed with it, too.
 */
final class Opcodes {
    // Size of the operand that ModR/M.rm names, in the lowest bits.
    static final int B = 1;
    static final int W = 2;
    static final int D = 3;
    static final int Q = 4;
    static final int DQ = 5;

    /** 2, 4 or 8 by 66 and REX.W. */
    static final int V = 6;

    /** 4 or 8 by REX.W. */
    static final int Y = 7;

    static final int SIZE = 7;

    /** That operand is read, or written. */
    static final int READ = 1 << 3;

    static final int WRITE = 1 << 4;
    private static final int RW = READ | WRITE;

    /** Allowed at all. */
    static final int KNOWN = 1 << 5;

    static final int MODRM = 1 << 6;

    /** ModR/M.reg is a general register that is written, or a byte register, or an XMM register. */
    static final int REG_WRITE = 1 << 7;

    static final int REG_BYTE = 1 << 8;
    static final int REG_XMM = 1 << 9;

    /** ModR/M.rm, if it is a register, is an XMM register. */
    static final int RM_XMM = 1 << 10;

    static final int MEMORY_ONLY = 1 << 11;
    static final int REGISTER_ONLY = 1 << 12;

    /** An immediate: a byte; 2 or 4 bytes; as large as the operand. */
    static final int IMM8 = 1 << 13;

    static final int IMM_Z = 1 << 14;
    static final int IMM_V = 1 << 15;

    static final int LOCKABLE = 1 << 16;

    /** Atomic with memory without a prefix. */
    static final int ATOMIC = 1 << 17;

    /** 16 bytes of memory need not be aligned. */
    static final int UNALIGNED = 1 << 18;

    static final int WRITES_RDX = 1 << 19;

    /** A general register in the opcode's low bits, read and written. */
    static final int IN_OPCODE = 1 << 20;

    /** ModR/M.reg is part of the opcode. */
    static final int DIGIT = 1 << 21;

    /** Needs code that may use XMM registers. */
    static final int VECTOR = 1 << 22;

    static final int DIVIDE = 1 << 23;
    static final int JUMP = 1 << 24;
    static final int LEA = 1 << 25;
    private static final int GROUP = 1 << 26;

    /** CMPXCHG16B if REX.W is set: reads rcx and rbx, writes rdx and rax. */
    static final int PAIR = 1 << 27;

    /** Of a division. */
    static final int SIGNED = 1 << 28;

    /** Prefixes as bits: none, 66, F3, F2. */
    private static final int NP = 1;

    private static final int P66 = 2;
    private static final int PF3 = 4;
    private static final int PF2 = 8;

    /** General registers: 66 only changes the size. */
    private static final int ANY = NP | P66;

    private static final int E = MODRM | KNOWN;
    private static final int X = E | VECTOR | REG_XMM | RM_XMM;
    private static final int X16 = X | DQ | READ;

    private static final int[] TABLE = new int[4 * 4 * 256];
    private static final int[] GROUPS = new int[32 * 8];
    private static int groups;

    static {
        arithmetic();
        moves();
        unary();
        twoByte();
        vectorMoves();
        vectorFloats();
        vectorIntegers();
        vectorImmediates();
    }

    private Opcodes() {}

    /**
     * @param prefix 0: none, 1: 66, 2: F3, 3: F2
     * @param map 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A
     * @param modrm the byte behind the opcode
     * @return flags, or 0
     */
    static int of(int prefix, int map, int opcode, int modrm) {
        int x = TABLE[(prefix << 2 | map) << 8 | opcode];
        return (x & GROUP) != 0 ? GROUPS[(x & 0x1F) << 3 | modrm >> 3 & 7] : x;
    }

    // ---- making it

    private static void put(int prefixes, int map, int from, int to, int flags) {
        for (int p = 0; p < 4; p++) {
            for (int op = from; op <= to && (prefixes >> p & 1) != 0; op++) {
                int i = (p << 2 | map) << 8 | op;
                if (TABLE[i] != 0) {
                    throw new IllegalStateException("twice: " + Integer.toHexString(i));
                }
                TABLE[i] = flags | KNOWN;
            }
        }
    }

    private static void put(int prefixes, int map, int op, int flags) {
        put(prefixes, map, op, op, flags);
    }

    /** Eight opcodes by ModR/M.reg; 0: none. */
    private static void group(int prefixes, int map, int op, int... flags) {
        put(prefixes, map, op, GROUP | groups);
        for (int i = 0; i < 8; i++) {
            GROUPS[groups << 3 | i] = flags[i] == 0 ? 0 : flags[i] | E | DIGIT;
        }
        groups++;
    }

    private static void arithmetic() {
        int[] byteImmediate = new int[8];
        int[] immediate = new int[8];
        int[] shortImmediate = new int[8];
        for (int i = 0; i < 8; i++) {
            boolean compare = i == 7;
            int to = compare ? READ : RW | LOCKABLE;
            int reg = compare ? 0 : REG_WRITE;
            put(ANY, 0, i << 3, E | B | to | REG_BYTE);
            put(ANY, 0, i << 3 | 1, E | V | to);
            put(ANY, 0, i << 3 | 2, E | B | READ | REG_BYTE | reg);
            put(ANY, 0, i << 3 | 3, E | V | READ | reg);
            put(ANY, 0, i << 3 | 4, IMM8);
            put(ANY, 0, i << 3 | 5, IMM_Z);
            byteImmediate[i] = B | to | IMM8;
            immediate[i] = V | to | IMM_Z;
            shortImmediate[i] = V | to | IMM8;
        }
        group(ANY, 0, 0x80, byteImmediate);
        group(ANY, 0, 0x81, immediate);
        group(ANY, 0, 0x83, shortImmediate);
        put(ANY, 0, 0x84, E | B | READ | REG_BYTE);
        put(ANY, 0, 0x85, E | V | READ);
        put(ANY, 0, 0xA8, IMM8);
        put(ANY, 0, 0xA9, IMM_Z);
        put(ANY, 0, 0x69, E | V | READ | REG_WRITE | IMM_Z);
        put(ANY, 0, 0x6B, E | V | READ | REG_WRITE | IMM8);
    }

    private static void moves() {
        put(ANY, 0, 0x63, E | D | READ | REG_WRITE);
        put(ANY, 0, 0x86, E | B | RW | REG_BYTE | REG_WRITE | LOCKABLE | ATOMIC);
        put(ANY, 0, 0x87, E | V | RW | REG_WRITE | LOCKABLE | ATOMIC);
        put(ANY, 0, 0x88, E | B | WRITE | REG_BYTE);
        put(ANY, 0, 0x89, E | V | WRITE);
        put(ANY, 0, 0x8A, E | B | READ | REG_BYTE | REG_WRITE);
        put(ANY, 0, 0x8B, E | V | READ | REG_WRITE);
        put(NP, 0, 0x8D, E | REG_WRITE | MEMORY_ONLY | LEA);
        put(ANY, 0, 0x90, 0x97, IN_OPCODE | V);
        put(ANY, 0, 0x98, KNOWN);
        put(ANY, 0, 0x99, WRITES_RDX);
        put(ANY, 0, 0x9E, 0x9F, KNOWN); // SAHF LAHF
        put(ANY, 0, 0xB0, 0xB7, IN_OPCODE | B | IMM8);
        put(ANY, 0, 0xB8, 0xBF, IN_OPCODE | V | IMM_V);
        group(ANY, 0, 0xC6, B | WRITE | IMM8, 0, 0, 0, 0, 0, 0, 0);
        group(ANY, 0, 0xC7, V | WRITE | IMM_Z, 0, 0, 0, 0, 0, 0, 0);
    }

    private static void unary() {
        for (int wide = 0; wide < 2; wide++) {
            int size = wide == 0 ? B : V;
            shifts(0xC0 + wide, size | IMM8);
            shifts(0xD0 + wide, size);
            shifts(0xD2 + wide, size);
            int test = size | READ | (wide == 0 ? IMM8 : IMM_Z);
            int one = size | RW | LOCKABLE;
            int multiply = size | READ | (wide == 0 ? 0 : WRITES_RDX);
            int divide = wide == 0 ? 0 : size | READ | REGISTER_ONLY | WRITES_RDX | DIVIDE;
            int signed = divide == 0 ? 0 : divide | SIGNED;
            group(ANY, 0, 0xF6 + wide, test, test, one, one, multiply, multiply, divide, signed);
        }
        int byteOne = B | RW | LOCKABLE;
        int one = V | RW | LOCKABLE;
        group(ANY, 0, 0xFE, byteOne, byteOne, 0, 0, 0, 0, 0, 0);
        group(NP, 0, 0xFF, one, one, 0, 0, Q | READ | MEMORY_ONLY | JUMP, 0, 0, 0);
        group(P66, 0, 0xFF, one, one, 0, 0, 0, 0, 0, 0);
        put(ANY, 0, 0xF5, KNOWN); // CMC
        put(ANY, 0, 0xF8, 0xF9, KNOWN); // CLC STC
    }

    private static void shifts(int op, int flags) {
        int x = flags | RW;
        group(ANY, 0, op, x, x, x, x, x, x, x, x);
    }

    private static void twoByte() {
        put(ANY, 1, 0x40, 0x4F, E | V | READ | REG_WRITE);
        put(ANY, 1, 0x90, 0x9F, E | B | WRITE | DIGIT);
        put(ANY, 1, 0xA3, E | V | READ | REGISTER_ONLY); // with memory it reaches anywhere
        for (int op : new int[] {0xAB, 0xB3, 0xBB}) {
            put(ANY, 1, op, E | V | RW | REGISTER_ONLY);
        }
        int change = V | RW | IMM8 | LOCKABLE;
        group(ANY, 1, 0xBA, 0, 0, 0, 0, V | READ | IMM8, change, change, change);
        for (int op : new int[] {0xA4, 0xAC}) {
            put(ANY, 1, op, E | V | RW | IMM8);
            put(ANY, 1, op + 1, E | V | RW);
        }
        int fence = REGISTER_ONLY;
        group(NP, 1, 0xAE, 0, 0, 0, 0, 0, fence, fence, fence);
        put(ANY, 1, 0xAF, E | V | READ | REG_WRITE);
        put(ANY, 1, 0xB0, E | B | RW | REG_BYTE | LOCKABLE);
        put(ANY, 1, 0xB1, E | V | RW | LOCKABLE);
        for (int op : new int[] {0xB6, 0xBE}) {
            put(ANY, 1, op, E | B | READ | REG_WRITE);
            put(ANY, 1, op + 1, E | W | READ | REG_WRITE);
        }
        put(PF3, 1, 0xB8, E | V | READ | REG_WRITE);
        put(ANY, 1, 0xBC, E | V | READ | REG_WRITE);
        put(ANY | PF3, 1, 0xBD, E | V | READ | REG_WRITE);
        put(ANY, 1, 0xC0, E | B | RW | REG_BYTE | REG_WRITE | LOCKABLE);
        put(ANY, 1, 0xC1, E | V | RW | REG_WRITE | LOCKABLE);
        put(NP, 1, 0xC3, E | Y | WRITE | MEMORY_ONLY);
        int pair = DQ | RW | MEMORY_ONLY | LOCKABLE | ATOMIC | WRITES_RDX | PAIR;
        group(NP, 1, 0xC7, 0, pair, 0, 0, 0, 0, 0, 0);
        put(ANY, 1, 0xC8, 0xCF, IN_OPCODE | V);
        put(ANY, 2, 0xF0, E | V | READ | REG_WRITE | MEMORY_ONLY);
        put(ANY, 2, 0xF1, E | V | WRITE | MEMORY_ONLY);
        put(PF2, 2, 0xF0, E | B | READ | REG_WRITE);
        put(PF2, 2, 0xF1, E | V | READ | REG_WRITE);
        put(P66 | PF3, 2, 0xF6, E | Y | READ | REG_WRITE);
    }

    private static void vectorMoves() {
        put(ANY, 1, 0x10, X16 | UNALIGNED);
        put(ANY, 1, 0x11, X | DQ | WRITE | UNALIGNED);
        scalar(0x10, X | READ);
        scalar(0x11, X | WRITE);
        for (int op : new int[] {0x12, 0x16}) {
            put(NP, 1, op, X | Q | READ);
            put(P66, 1, op, X | Q | READ | MEMORY_ONLY);
            put(ANY, 1, op + 1, X | Q | WRITE | MEMORY_ONLY);
            put(PF3, 1, op, X16);
        }
        put(PF2, 1, 0x12, X | Q | READ);
        put(ANY, 1, 0x28, X16);
        put(ANY, 1, 0x29, X | DQ | WRITE);
        put(ANY, 1, 0x2B, X | DQ | WRITE | MEMORY_ONLY);
        put(P66, 1, 0x6E, E | VECTOR | REG_XMM | Y | READ);
        put(P66, 1, 0x7E, E | VECTOR | REG_XMM | Y | WRITE);
        put(PF3, 1, 0x7E, X | Q | READ);
        put(P66, 1, 0xD6, X | Q | WRITE);
        put(P66, 1, 0x6F, X16);
        put(P66, 1, 0x7F, X | DQ | WRITE);
        put(PF3, 1, 0x6F, X16 | UNALIGNED);
        put(PF3, 1, 0x7F, X | DQ | WRITE | UNALIGNED);
        put(P66, 1, 0xE7, X | DQ | WRITE | MEMORY_ONLY);
        put(P66, 2, 0x2A, X16 | MEMORY_ONLY);
        put(PF2, 1, 0xF0, X16 | UNALIGNED | MEMORY_ONLY);
        int mask = E | VECTOR | RM_XMM | READ | REG_WRITE | REGISTER_ONLY;
        put(ANY, 1, 0x50, mask);
        put(P66, 1, 0xD7, mask);
    }

    /** Forms of one binary32 with F3, of one binary64 with F2. */
    private static void scalar(int op, int flags) {
        put(PF3, 1, op, flags | D);
        put(PF2, 1, op, flags | Q);
    }

    private static void vectorFloats() {
        for (int op : new int[] {0x51, 0x58, 0x59, 0x5C, 0x5D, 0x5E, 0x5F}) {
            put(ANY, 1, op, X16);
            scalar(op, X | READ);
        }
        put(ANY, 1, 0x54, 0x57, X16);
        put(ANY, 1, 0x14, 0x15, X16);
        put(P66 | PF2, 1, 0xD0, X16);
        put(P66 | PF2, 1, 0x7C, 0x7D, X16);
        put(ANY, 1, 0xC2, X16 | IMM8);
        scalar(0xC2, X | READ | IMM8);
        put(NP, 1, 0x2E, 0x2F, X | D | READ);
        put(P66, 1, 0x2E, 0x2F, X | Q | READ);
        put(PF3 | PF2, 1, 0x2A, E | VECTOR | REG_XMM | Y | READ);
        for (int op = 0x2C; op <= 0x2D; op++) {
            scalar(op, E | VECTOR | RM_XMM | READ | REG_WRITE);
        }
        put(NP, 1, 0x5A, X | Q | READ);
        put(P66, 1, 0x5A, X16);
        scalar(0x5A, X | READ);
        put(ANY | PF3, 1, 0x5B, X16);
        put(P66 | PF2, 1, 0xE6, X16);
        put(PF3, 1, 0xE6, X | Q | READ);
    }

    private static void vectorIntegers() {
        put(P66, 1, 0x60, 0x6D, X16);
        put(P66, 1, 0x74, 0x76, X16);
        put(P66, 1, 0xD1, 0xD5, X16);
        put(P66, 1, 0xD8, 0xE5, X16);
        put(P66, 1, 0xE8, 0xEF, X16);
        put(P66, 1, 0xF1, 0xF6, X16);
        put(P66, 1, 0xF8, 0xFE, X16);
        put(P66, 2, 0x00, 0x0B, X16);
        put(P66, 2, 0x10, X16);
        put(P66, 2, 0x14, 0x15, X16);
        put(P66, 2, 0x17, X16);
        put(P66, 2, 0x1C, 0x1E, X16);
        int[] sizes = {Q, D, W, Q, D, Q};
        for (int i = 0; i < sizes.length; i++) {
            put(P66, 2, 0x20 + i, X | sizes[i] | READ);
            put(P66, 2, 0x30 + i, X | sizes[i] | READ);
        }
        put(P66, 2, 0x28, 0x29, X16);
        put(P66, 2, 0x2B, X16);
        put(P66, 2, 0x37, 0x41, X16);
    }

    private static void vectorImmediates() {
        int shift = VECTOR | RM_XMM | REGISTER_ONLY | IMM8 | DQ | RW;
        group(P66, 1, 0x71, 0, 0, shift, 0, shift, 0, shift, 0);
        group(P66, 1, 0x72, 0, 0, shift, 0, shift, 0, shift, 0);
        group(P66, 1, 0x73, 0, 0, shift, shift, 0, 0, shift, shift);
        put(P66 | PF3 | PF2, 1, 0x70, X16 | IMM8);
        put(ANY, 1, 0xC6, X16 | IMM8);
        put(P66, 3, 0x08, 0x09, X16 | IMM8);
        put(P66, 3, 0x0A, X | D | READ | IMM8);
        put(P66, 3, 0x0B, X | Q | READ | IMM8);
        put(P66, 3, 0x0C, 0x0F, X16 | IMM8);
        put(P66, 3, 0x40, 0x42, X16 | IMM8);
        put(P66, 3, 0x44, X16 | IMM8);
        put(P66, 3, 0x21, X | D | READ | IMM8);
        // To and from general registers.
        int general = E | VECTOR | REG_XMM | IMM8;
        put(P66, 1, 0xC4, general | W | READ);
        put(P66, 1, 0xC5, E | VECTOR | RM_XMM | READ | REG_WRITE | REGISTER_ONLY | IMM8);
        put(P66, 3, 0x20, general | B | READ);
        put(P66, 3, 0x22, general | Y | READ);
        put(P66, 3, 0x14, general | B | WRITE);
        put(P66, 3, 0x15, general | W | WRITE);
        put(P66, 3, 0x16, general | Y | WRITE);
        put(P66, 3, 0x17, general | D | WRITE);
    }
}
