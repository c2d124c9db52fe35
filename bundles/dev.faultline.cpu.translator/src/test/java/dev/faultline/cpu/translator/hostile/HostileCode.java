// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.hostile;

import dev.faultline.cpu.translator.internal.RandomInstruction;
import dev.faultline.cpu.translator.internal.RowInstruction;
import dev.faultline.cpu.x86.isa.InstructionTable;
import dev.faultline.cpu.x86.isa.Row;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Bytes that a guest executes and that no compiler would make: random ones, random instructions of
 * every row of the table, jumps among all of them, and then mutations of it.
 */
final class HostileCode {
    static final int PAGES = 3;
    private static final int SIZE = PAGES * 0x1000;

    /** Prefixes, the ways into other opcode maps, and what transfers control. */
    private static final int[] COMMON = {
        0x66, 0x67, 0xF0, 0xF2, 0xF3, 0x2E, 0x64, 0x65, 0x0F, 0x0F, 0x0F, 0x40, 0x41, 0x44, 0x48,
        0x4C, 0x70, 0x75, 0x83, 0x89, 0x8B, 0x8F, 0x9C, 0x9D, 0xA4, 0xAB, 0xC3, 0xC5, 0xC8, 0xC9,
        0xCC, 0xE2, 0xE8, 0xEB, 0xF6, 0xFF
    };

    /** In 64 chunks. */
    private static final int[] NONSENSE = {64, 32, 16, 8, 4, 2, 1, 1, 0};

    final byte[] bytes = new byte[SIZE];

    /** Offsets where instructions were meant to begin. */
    final List<Integer> starts = new ArrayList<>();

    private final Random random;
    private final RandomInstruction instructions;
    private final List<Row> rows = InstructionTable.all();
    private final int base;

    /**
     * @param base linear address of {@link #PAGES} pages
     * @param data linear address in the middle of data
     */
    HostileCode(Random random, int base, int data) {
        this.random = random;
        this.base = base;
        instructions = new RandomInstruction(random, data);
        // How much of it means something.
        int nonsense = NONSENSE[random.nextInt(NONSENSE.length)];
        for (int at = 0; at < SIZE; ) {
            starts.add(at);
            byte[] next = chance(nonsense, 64) ? meaningless() : meant(at);
            int n = Math.min(next.length, SIZE - at);
            System.arraycopy(next, 0, bytes, at, n);
            at += n;
        }
        mutate();
    }

    private boolean chance(int in, int of) {
        return random.nextInt(of) < in;
    }

    private byte[] meaningless() {
        return switch (random.nextInt(4)) {
            case 0 -> {
                byte[] b = new byte[1 + random.nextInt(24)];
                random.nextBytes(b);
                yield b;
            }
            case 1 -> {
                byte[] b = new byte[1 + random.nextInt(24)];
                for (int i = 0; i < b.length; i++) {
                    b[i] = (byte) COMMON[random.nextInt(COMMON.length)];
                }
                yield b;
            }
            default -> {
                byte[] b = RowInstruction.random(rows.get(random.nextInt(rows.size())), random);
                yield b == null ? new byte[] {(byte) random.nextInt()} : b;
            }
        };
    }

    private byte[] meant(int at) {
        return switch (random.nextInt(12)) {
            case 0, 1 -> jump(at);
            case 2 -> indirect(at);
            case 3 -> string();
            case 4 -> store(at);
            case 5 -> stack();
            default -> instructions.next();
        };
    }

    private static byte[] of(int... all) {
        byte[] b = new byte[all.length];
        for (int i = 0; i < b.length; i++) {
            b[i] = (byte) all[i];
        }
        return b;
    }

    private static byte[] with(byte[] code, long x, int size) {
        byte[] b = Arrays.copyOf(code, code.length + size);
        for (int i = 0; i < size; i++) {
            b[code.length + i] = (byte) (x >>> 8 * i);
        }
        return b;
    }

    /** Offset of somewhere, mostly of an instruction that was meant, and more often further on. */
    private int target(int at) {
        if (chance(1, 8)) {
            return random.nextInt(SIZE);
        }
        if (chance(2, 3)) {
            return Math.min(at + 2 + random.nextInt(60), SIZE - 1);
        }
        return starts.get(random.nextInt(starts.size()));
    }

    private byte[] jump(int at) {
        int to = target(at);
        int d = to - at;
        if (d - 2 == (byte) (d - 2) && chance(3, 4)) {
            int op =
                    chance(1, 4)
                            ? 0xEB
                            : chance(1, 6) ? 0xE0 + random.nextInt(4) : 0x70 + random.nextInt(16);
            return of(op, d - 2);
        }
        return switch (random.nextInt(4)) {
            case 0 -> with(of(0xE9), d - 5, 4);
            case 1 -> with(of(0xE8), d - 5, 4);
            default -> with(of(0x0F, 0x80 + random.nextInt(16)), d - 6, 4);
        };
    }

    /** push imm32; ret, or mov r, imm32; jmp r or call r, or with a displacement the other. */
    private byte[] indirect(int at) {
        int to = base + target(at);
        if (chance(1, 3)) {
            byte[] b = with(of(0x68), to, 4);
            return chance(1, 4) ? with(b, 0xC2 | 8 * random.nextInt(4) << 8, 3) : with(b, 0xC3, 1);
        }
        int r = instructions.register();
        byte[] b = with(of(0x48 | r >> 3, 0xC7, 0xC0 | r & 7), to, 4);
        int op = chance(1, 2) ? 0xE0 : 0xD0;
        return with(b, 0x40 | r >> 3 | 0xFF << 8 | (op | r & 7) << 16, 3);
    }

    /** mov ecx, n; [std;] [rep] a string instruction; cld. */
    private byte[] string() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(with(of(0xB9), random.nextInt(40), 4));
        if (chance(1, 8)) {
            out.write(0xFD);
        }
        int[] prefixes = {0x66, 0x67, 0x65};
        for (int p : prefixes) {
            if (chance(1, 12)) {
                out.write(p);
            }
        }
        if (chance(4, 5)) {
            out.write(chance(1, 5) ? 0xF2 : 0xF3);
        }
        if (chance(1, 2)) {
            out.write(0x48);
        }
        int[] ops = {0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF, 0x6C, 0x6F};
        out.write(ops[random.nextInt(ops.length)]);
        out.write(0xFC);
        return out.toByteArray();
    }

    /** Into the code: mov [rip + d], r8 or r32; or xor, or a locked inc. */
    private byte[] store(int at) {
        int to = target(at);
        int r = random.nextInt(8);
        return switch (random.nextInt(4)) {
            case 0 -> with(of(0x88, 5 | r << 3), to - at - 6, 4);
            case 1 -> with(of(0x89, 5 | r << 3), to - at - 6, 4);
            case 2 -> with(with(of(0x80, 0x35), to - at - 7, 4), 1 << random.nextInt(8), 1);
            default -> with(of(0xF0, 0xFF, 5), to - at - 7, 4);
        };
    }

    private byte[] stack() {
        int r = random.nextInt(16);
        return switch (random.nextInt(6)) {
            case 0 -> of(0x9C); // pushfq
            case 1 -> of(0x6A, random.nextInt());
            case 2 -> of(0x40 | r >> 3, 0x58 | r & 7);
            case 3 -> of(0xC9); // leave
            case 4 -> of(0xC8, random.nextInt(64), 0, random.nextInt(3)); // enter
            default -> of(0x40 | r >> 3, 0x50 | r & 7);
        };
    }

    private void mutate() {
        for (int i = random.nextInt(4) / 2 * random.nextInt(200); i > 0; i--) {
            int at = random.nextInt(SIZE);
            switch (random.nextInt(4)) {
                case 0 -> bytes[at] = (byte) random.nextInt();
                case 1 -> bytes[at] = (byte) COMMON[random.nextInt(COMMON.length)];
                case 2 -> {
                    int n = Math.min(1 + random.nextInt(20), SIZE - at - 1);
                    System.arraycopy(bytes, at, bytes, at + 1, n); // what follows moves by one
                }
                default -> bytes[at] ^= (byte) (1 << random.nextInt(8));
            }
        }
    }

    /** Where to begin, as an offset. */
    int entry(Random by) {
        return switch (by.nextInt(8)) {
            case 0 -> by.nextInt(SIZE);
            case 1 -> 0x1000 * (1 + by.nextInt(PAGES)) - 1 - by.nextInt(20);
            default -> starts.get(by.nextInt(starts.size()));
        };
    }
}
