// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.cpu.x86.isa.FlagEffects;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;

/**
 * A random program of 64-bit code that ends: instructions, jumps forward, loops with a counter in
 * r15, functions in other pages, stores into its own code. Few of them depend on flags that are
 * undefined.
 */
final class RandomProgram {
    /** Bytes that go to an address. */
    record Part(int at, byte[] code) {}

    private static final int AF = 0x10;
    private static final int FUNCTIONS = 4;
    private static final int PAGES = 16;

    final List<Part> parts = new ArrayList<>();
    final int start;

    /** Where it is after its HLT. */
    final int end;

    private final Random random;
    private final RandomInstruction instructions;
    private final int[] functions = new int[FUNCTIONS];

    /** What is written now, and where it will be. */
    private ByteArrayOutputStream out = new ByteArrayOutputStream();

    private int at;

    /** Where stores may go: bytes of immediates, and of ModR/M of INC and DEC. */
    private final List<Integer> immediates = new ArrayList<>();

    private final List<Integer> toggles = new ArrayList<>();

    /** Flags other than AF, and AF, may be undefined here. */
    private boolean unclear = true;

    private boolean unclearAf = true;

    private boolean inLoop;

    /**
     * @param code linear address of sixteen pages for it
     */
    RandomProgram(Random random, RandomInstruction instructions, int code) {
        this.random = random;
        this.instructions = instructions;
        for (int i = 0; i < FUNCTIONS; i++) {
            at = code + (1 + 3 * i) * 0x1000 + place();
            functions[i] = at;
            unclear = true;
            unclearAf = true;
            body(2 + random.nextInt(5), i, false);
            bytes(0xC3);
            finish(functions[i]);
        }
        start = code + 13 * 0x1000 + place();
        at = start;
        body(8 + random.nextInt(20), FUNCTIONS, true);
        bytes(0xF4);
        end = here();
        finish(start);
    }

    /** Often near the end of a page. */
    private int place() {
        return random.nextInt(3) == 0 ? random.nextInt(0xC00) : 0x1000 - 1 - random.nextInt(200);
    }

    private void finish(int from) {
        parts.add(new Part(from, out.toByteArray()));
        out = new ByteArrayOutputStream();
        inLoop = false;
        immediates.clear();
        toggles.clear();
    }

    private int here() {
        return at + out.size();
    }

    private void bytes(int... all) {
        for (int b : all) {
            out.write(b);
        }
    }

    private void little(long x, int n) {
        for (int i = 0; i < n; i++) {
            out.write((int) (x >>> 8 * i));
        }
    }

    /**
     * @param callable functions from 0 to this less one
     */
    private void body(int units, int callable, boolean loops) {
        for (int i = 0; i < units; i++) {
            switch (random.nextInt(20)) {
                case 0, 1, 2 -> skip(callable);
                case 3 -> {
                    if (loops) {
                        loop(callable);
                    }
                }
                case 4, 5 -> call(callable);
                case 6, 7 -> stack(callable);
                case 8 -> string();
                case 9, 10 -> ownCode();
                case 11 -> jumpFar();
                case 12 -> frame();
                default -> instruction();
            }
        }
    }

    private void instruction() {
        byte[] code = instructions.next();
        FlagEffects f = instructions.row().definition.flags();
        boolean reads = (f.read() & FlagEffects.STATUS & ~AF) != 0;
        boolean readsAf = (f.read() & AF) != 0;
        if (reads && unclear || readsAf && unclearAf) {
            compare();
        }
        out.writeBytes(code);
        effects(f);
    }

    private void effects(FlagEffects f) {
        int known = f.written() & FlagEffects.STATUS;
        int unknown = (f.undefined() | f.maybe()) & FlagEffects.STATUS;
        unclear = (unknown & ~AF) != 0 || unclear && (known | AF) != FlagEffects.STATUS;
        unclearAf = (unknown & AF) != 0 || unclearAf && (known & AF) == 0;
    }

    /** CMP of two registers: all flags are defined. */
    private void compare() {
        int a = random.nextInt(8);
        bytes(0x48, 0x39, 0xC0 | a << 3 | random.nextInt(8));
        unclear = false;
        unclearAf = false;
    }

    private void clear() {
        if (unclear) {
            compare();
        }
    }

    /** Something that may be jumped over. */
    private void skip(int callable) {
        int kind = random.nextInt(8);
        int opcode = kind == 0 ? 0xE0 + random.nextInt(4) : 0x70 + random.nextInt(16);
        clear();
        boolean near = kind > 4;
        int from = here();
        bytes(near ? new int[] {0x0F, opcode + 0x10, 0, 0, 0, 0} : new int[] {opcode, 0});
        boolean before = unclear;
        boolean beforeAf = unclearAf;
        for (int n = random.nextInt(3); n >= 0; n--) {
            instruction();
        }
        if (near && callable > 0) {
            call(callable);
        }
        unclear |= before;
        unclearAf |= beforeAf;
        patch(from + (near ? 6 : 2), near ? 4 : 1, here());
    }

    /** The displacement that ends at {@code end} leads to {@code to}. */
    private void patch(int end, int size, int to) {
        byte[] all = out.toByteArray();
        for (int i = 0; i < size; i++) {
            all[end - at - size + i] = (byte) (to - end >>> 8 * i);
        }
        out.reset();
        out.writeBytes(all);
    }

    private void loop(int callable) {
        bytes(0x41, 0xBF); // mov r15d, n
        little(2 + random.nextInt(6), 4);
        int top = here();
        unclear = true;
        unclearAf = true;
        inLoop = true;
        body(1 + random.nextInt(6), callable, false);
        inLoop = false;
        bytes(0x41, 0xFF, 0xCF, 0x0F, 0x85); // dec r15d; jnz
        little(top - here() - 4, 4);
    }

    private void call(int callable) {
        if (callable == 0) {
            return;
        }
        int f = functions[random.nextInt(callable)];
        int r = instructions.register();
        int b = r >> 3;
        switch (random.nextInt(4)) {
            case 0, 1 -> {
                bytes(0xE8);
                little(f - here() - 4, 4);
            }
            case 2 -> { // mov r, f; call r
                bytes(0x48 | b, 0xC7, 0xC0 | r & 7);
                little(f, 4);
                bytes(0x40 | b, 0xFF, 0xD0 | r & 7);
            }
            default -> { // mov qword [rbx + 0x78], f; call [rbx + 0x78]
                bytes(0x48, 0xC7, 0x43, 0x78);
                little(f, 4);
                bytes(0xFF, 0x53, 0x78);
            }
        }
        unclear = true;
        unclearAf = true;
    }

    private void stack(int callable) {
        int n = 1 + random.nextInt(4);
        for (int i = 0; i < n; i++) {
            switch (random.nextInt(5)) {
                case 0 -> bytes(0x6A, random.nextInt());
                case 1 -> bytes(0xFF, 0x73, random.nextInt(64)); // push [rbx + n]
                default -> {
                    int r = random.nextInt(16);
                    bytes(0x40 | r >> 3, 0x50 | r & 7);
                }
            }
        }
        if (random.nextBoolean()) {
            instruction();
        }
        if (random.nextInt(4) == 0) {
            call(callable);
        }
        for (int i = 0; i < n; i++) {
            if (random.nextInt(5) == 0) {
                bytes(0x8F, 0x43, random.nextInt(64)); // pop [rbx + n]
            } else {
                int r = instructions.register();
                bytes(0x40 | r >> 3, 0x58 | r & 7);
            }
        }
    }

    /** push rbp; mov rbp, rsp; sub rsp, n; ...; leave. */
    private void frame() {
        bytes(0x55, 0x48, 0x89, 0xE5, 0x48, 0x83, 0xEC, 8 * random.nextInt(8));
        bytes(0x48, 0x89, 0x45, 0xF8, 0xC9); // mov [rbp - 8], rax; leave
        unclear = false;
        unclearAf = false;
    }

    /** lea rsi, [rbx + n]; lea rdi, [r14 + n]; mov ecx, n; a string instruction. */
    private void string() {
        int[] opcodes = {0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF};
        int op = opcodes[random.nextInt(opcodes.length)];
        bytes(0x48, 0x8D, 0x73, random.nextInt(100), 0x49, 0x8D, 0x7E, random.nextInt(100), 0xB9);
        little(random.nextInt(12), 4);
        bytes(random.nextBoolean() ? 0xFC : 0xFD);
        if (random.nextInt(3) != 0) {
            bytes(random.nextInt(4) == 0 ? 0xF2 : 0xF3);
        }
        if (random.nextBoolean()) {
            bytes(0x48);
        }
        bytes(op, 0xFC);
        unclear |= op == 0xA6 || op == 0xA7 || op >= 0xAE;
    }

    /** mov r, rip of what follows the jump; jmp r. */
    private void jumpFar() {
        int r = instructions.register();
        bytes(0x48 | r >> 3, 0xC7, 0xC0 | r & 7);
        int end = here() + 4;
        int jump = r > 7 ? 3 : 2;
        int gap = random.nextInt(4);
        little(end + jump + gap, 4);
        if (r > 7) {
            bytes(0x41);
        }
        bytes(0xFF, 0xE0 | r & 7);
        for (int i = 0; i < gap; i++) {
            bytes(0x0F); // never executed
        }
    }

    /** Code that stores change, and the stores. */
    private void ownCode() {
        int r = random.nextInt(3) & 2; // eax, edx
        switch (random.nextInt(4)) {
            case 0 -> {
                bytes(0x83, 0xC0 | r, random.nextInt()); // add r, n
                immediates.add(here() - 1);
            }
            case 1 -> {
                bytes(0xFF, 0xC0 | r); // inc r, or dec r
                toggles.add(here() - 1);
            }
            case 2 -> {
                if (!immediates.isEmpty()) {
                    bytes(0x88, 0x05); // mov [rip + d], al
                    little(immediates.getLast() - here() - 4, 4);
                }
                if (random.nextBoolean()) { // into what follows
                    bytes(0x88, 0x15, 2, 0, 0, 0, 0x83, 0xC0, 1); // mov [rip + 2], dl; add eax, 1
                }
            }
            default -> {
                if (!toggles.isEmpty() && inLoop) {
                    bytes(0x80, 0x35); // xor byte [rip + d], 8
                    little(toggles.getLast() - here() - 5, 4);
                    bytes(8);
                }
            }
        }
        unclear = true;
        unclearAf = true;
    }

    @Override
    public String toString() {
        StringBuilder b = new StringBuilder();
        for (Part p : parts) {
            b.append("%n%x: %s".formatted(p.at, HexFormat.of().formatHex(p.code)));
        }
        return b.append("%nfrom %x".formatted(start)).toString();
    }

    static int pages() {
        return PAGES;
    }
}
