// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.sweep;

import static dev.faultline.api.cpu.Gpr.RSP;

import dev.faultline.api.engine.VcpuContext;
import java.io.ByteArrayOutputStream;
import java.util.HexFormat;
import java.util.Random;

/**
 * The instruction of a {@link SweepCase} with others around it, ending in HLT: so that it is in the
 * middle or at the end of a block, among others of the stack, under single-stepping, under
 * breakpoints, or in an interrupt shadow.
 */
final class SweepProgram {
    /** What is special about it. */
    enum Kind {
        /** Nothing: other instructions before and after. */
        PLAIN,
        /** Again from the start, once: from code that is decoded. */
        TWICE,
        /** Among PUSH and POP, a Jcc behind it; some of them twice. */
        STACK,
        /** EFLAGS.TF from the start. */
        TRAP,
        /** POPF sets EFLAGS.TF. */
        TRAP_SOON,
        /** Data breakpoints on what it accesses. */
        WATCHED,
        /** An instruction breakpoint on it, held off by EFLAGS.RF. */
        RESUMED,
        /** MOV SS from a watched address comes before: its trap waits until after this one. */
        WATCHED_SS,
        /** STI before it, and an interrupt pending. */
        SHADOW_STI,
        /** MOV SS before it, and an interrupt pending. */
        SHADOW_SS
    }

    private static final int SCRATCH = SweepMode.DATA + 0x800;
    private static final int COUNTER = SCRATCH + 8;
    private static final int WATCH_READS_AND_WRITES = 3;
    private static final int MOST_BEFORE = 11;
    private static final int VECTOR = 0x24;

    final Kind kind;
    private final SweepCase c;
    private final Random random;
    private final int lin;
    private byte[] before = {};
    private byte[] after = {};

    /** From the start again, once. */
    private boolean twice;

    /** Writes the program around {@code c}'s instruction, and changes {@code c}'s state. */
    SweepProgram(SweepCase c, Kind kind) {
        this.c = c;
        this.kind = kind;
        this.random = new Random(c.seed * 31 + kind.ordinal());
        this.lin = (int) c.start + c.mode.base();
        this.twice = kind == Kind.TWICE;
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        ByteArrayOutputStream a = new ByteArrayOutputStream();
        make(b, a);
        before = b.toByteArray();
        if (twice) {
            back(a);
        }
        a.write(0xF4);
        after = a.toByteArray();
        put(lin - before.length, before);
        put(lin + c.code.length, after);
        c.state.values[SweepState.RIP] = c.start - before.length;
    }

    /** The vector that is pending from the start, or -1. */
    int pendingVector() {
        return kind == Kind.SHADOW_STI || kind == Kind.SHADOW_SS ? VECTOR : -1;
    }

    private void make(ByteArrayOutputStream b, ByteArrayOutputStream a) {
        switch (kind) {
            case PLAIN, TWICE -> {
                fillers(b, random.nextInt(MOST_BEFORE));
                fillers(a, random.nextInt(4));
            }
            case STACK -> stack(b, a);
            case TRAP -> flags(VcpuContext.TF, 0);
            case TRAP_SOON -> {
                fillers(b, random.nextInt(3));
                int size = c.mode.codeBits / 8;
                write(
                        (int) c.state.values[RSP] + c.mode.base(),
                        size,
                        flags() & 0xFFFF | VcpuContext.TF);
                b.write(0x9D);
            }
            case WATCHED ->
                    watch(0, watched(), random.nextInt(4) == 0 ? 1 : WATCH_READS_AND_WRITES);
            case RESUMED -> {
                watch(0, lin, 0);
                flags(VcpuContext.RF, 0);
            }
            case WATCHED_SS -> {
                watch(0, SCRATCH, WATCH_READS_AND_WRITES);
                loadStackSegment(b);
            }
            case SHADOW_STI -> {
                flags(0, VcpuContext.IF);
                fillers(b, random.nextInt(3));
                b.write(0xFB);
            }
            case SHADOW_SS -> {
                flags(0, VcpuContext.IF);
                b.write(0xFB);
                loadStackSegment(b);
            }
        }
    }

    // ---- parts
    private void fillers(ByteArrayOutputStream to, int n) {
        for (int i = 0; i < n; i++) {
            switch (random.nextInt(8)) {
                case 0 -> to.write(0xF5); // CMC
                case 1 -> to.write(0xF9); // STC
                case 2 -> { // TEST AL,n
                    to.write(0xA8);
                    to.write(random.nextInt());
                }
                case 3 -> { // Jcc to the next
                    to.write(0x70 + random.nextInt(16));
                    to.write(0);
                }
                case 4 -> { // MOV [scratch],AL
                    memory(to, 0x88, 0, SCRATCH + 0x10);
                }
                case 5 -> to.write(0x50 + random.nextInt(8)); // PUSH
                default -> to.write(0x90);
            }
        }
    }

    /**
     * PUSH and POP of registers that addresses seldom use; behind the instruction a Jcc, POPs, or
     * POPs and RET.
     */
    private void stack(ByteArrayOutputStream b, ByteArrayOutputStream a) {
        int n = 1 + random.nextInt(8);
        for (int i = 0; i < n; i++) {
            b.write(0x50 + random.nextInt(8));
        }
        if (random.nextInt(3) == 0) {
            b.writeBytes(new byte[] {(byte) 0x84, (byte) 0xC0}); // TEST AL,AL
        }
        if (random.nextBoolean()) {
            a.write(0x70 + random.nextInt(16));
            a.write(random.nextInt(2));
            a.write(0x90);
        }
        for (int i = random.nextInt(4); i > 0; i--) {
            a.write(0x50 + random.nextInt(8));
        }
        for (int i = random.nextInt(9); i > 0; i--) {
            a.write(0x58 + random.nextInt(3));
        }
        if (random.nextInt(3) == 0) {
            a.write(0xC3);
        } else if (random.nextBoolean()) {
            twice = true;
        }
    }

    /** MOV SS with what it has, from memory. */
    private void loadStackSegment(ByteArrayOutputStream to) {
        write(SCRATCH, 2, c.mode.dataSelector());
        memory(to, 0x8E, 2, SCRATCH);
    }

    /** An instruction with a ModR/M byte and an absolute address. */
    private void memory(ByteArrayOutputStream to, int opcode, int reg, int address) {
        int offset = address - c.mode.base();
        to.write(opcode);
        switch (c.mode.codeBits) {
            case 64 -> {
                to.write(reg << 3 | 4);
                to.write(0x25);
                little(to, offset, 4);
            }
            case 32 -> {
                to.write(reg << 3 | 5);
                little(to, offset, 4);
            }
            default -> {
                to.write(reg << 3 | 6);
                little(to, offset, 2);
            }
        }
    }

    /** DEC byte [counter]; JNZ start. */
    private void back(ByteArrayOutputStream a) {
        write(COUNTER, 1, 2);
        memory(a, 0xFE, 1, COUNTER);
        int distance = before.length + c.code.length + a.size() + 2;
        a.write(0x75);
        a.write(-distance);
    }

    private static void little(ByteArrayOutputStream to, int x, int bytes) {
        for (int i = 0; i < bytes; i++) {
            to.write(x >>> 8 * i);
        }
    }

    // ---- state
    private int flags() {
        return (int) c.state.values[SweepState.FLAGS];
    }

    private void flags(int set, int clear) {
        c.state.values[SweepState.FLAGS] = flags() & ~clear | set;
    }

    private int watched() {
        if (c.operand() >= 0) {
            return c.operand() + random.nextInt(4);
        }
        return (int) c.state.values[RSP] + c.mode.base() + random.nextInt(12) - 8;
    }

    /** Breakpoint 0 at the address; 1 somewhere else in that page, of 4 bytes, for writes. */
    private void watch(int number, int address, int type) {
        int length = type == 0 ? 0 : new int[] {0, 1, 3}[random.nextInt(3)];
        c.state.values[SweepState.index("dr0") + number] = address;
        c.state.values[SweepState.index("dr1")] = address & ~0xFFF | 0xF80;
        c.state.values[SweepState.index("dr7")] =
                0x400 | 2 | 8 | (long) type << 16 | (long) length << 18 | 0xDL << 20;
    }

    // ---- memory
    private void put(int at, byte[] bytes) {
        for (int i = 0; i < bytes.length; i++) {
            c.mode.put(c.image, at + i, 1, bytes[i]);
        }
    }

    private void write(int at, int size, long value) {
        c.mode.put(c.image, at, size, value);
    }

    @Override
    public String toString() {
        HexFormat hex = HexFormat.of();
        return "%s: %s [%s] %s"
                .formatted(
                        kind, hex.formatHex(before), hex.formatHex(c.code), hex.formatHex(after));
    }
}
