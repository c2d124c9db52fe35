// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.sweep;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.isa.Family;
import dev.faultline.cpu.x86.isa.Row;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * One instance of a table line: bytes, registers and memory, all from one seed. Operands lie where
 * it hurts: across pages, at devices, across the edge of a device, in tables and in the code
 * itself.
 */
final class SweepCase {
    private static final int[] MSRS = {
        0xC000_0080, 0xC000_0081, 0xC000_0082, 0xC000_0100, 0xC000_0102, 0x10, 0x174, 0x277, 0x1B
    };
    private static final int[] SELECTORS = {
        SweepMode.CS0,
        SweepMode.DS0,
        SweepMode.CS3,
        SweepMode.DS3,
        SweepMode.CS64,
        SweepMode.CS64_3,
        SweepMode.CS16,
        SweepMode.DS16,
        SweepMode.CONFORMING,
        SweepMode.TR2,
        SweepMode.TR2,
        SweepMode.LDTR,
        SweepMode.CALL_GATE | 3,
        SweepMode.CALL_GATE | 3,
        SweepMode.TASK_GATE | 3,
        SweepMode.CS16_3,
        SweepMode.DS16_3,
        SweepMode.ABSENT,
        SweepMode.CALL_GATE16 | 3,
        0,
        7,
        0xF,
        0x17,
        0x1F
    };
    private static final Set<String> SELECTOR_OPERAND =
            Set.of("MOV_TO_SREG", "LLDT", "LTR", "VERR", "VERW", "LAR", "LSL");

    final SweepMode mode;
    final Row entry;
    final long seed;
    final MemorySegment image;
    SweepState state;
    byte[] code;

    /** rip of the instruction. */
    long start;

    /** Has a REP prefix that counts. */
    boolean repeated;

    /** Mask of the registers that addresses use. */
    long addressMask;

    private final Random random;
    private final long[] gpr = new long[16];
    private boolean[] taken = new boolean[16];
    private boolean p66;
    private boolean rexW;
    private int addressSize;
    private int operandSize;
    private int rex;
    private int segmentOverride = -1;

    /** Linear address of the memory operand, or -1. */
    private int operand = -1;

    private int registerOperand = -1;

    SweepCase(SweepMode mode, Row entry, long seed, MemorySegment image) {
        this.mode = mode;
        this.entry = entry;
        this.seed = seed;
        this.image = image;
        this.random = new Random(seed * 0x9E37_79B9L + mode.ordinal());
        random.nextInt();
    }

    static boolean exists(Row e, SweepMode mode) {
        List<String> words = Arrays.asList(e.toString().trim().split("\\s+"));
        return !words.contains(mode.codeBits == 64 ? "i64" : "o64");
    }

    private String prefix() {
        String first = entry.toString().trim().split("\\s+")[0];
        int dot = first.indexOf('.');
        String p = dot < 0 ? "" : first.substring(0, dot);
        return Set.of("NP", "66", "F3", "F2").contains(p) ? p : "";
    }

    private boolean has(String kind) {
        return Arrays.asList(entry.operands.split(",")).contains(kind);
    }

    private boolean chance(double p) {
        return random.nextDouble() < p;
    }

    /** Makes the instance; {@code image} gets the guest's memory. */
    SweepCase make(VcpuContext v) {
        mode.fill(image, random);
        mode.load(v, random);
        registers();
        encode();
        place(v);
        contents();
        System.arraycopy(gpr, 0, v.gpr, 0, 16);
        int flags = random.nextInt() & 0xCD5 | 2 | v.eflags & VcpuContext.VM;
        if (chance(.2)) {
            flags |= VcpuContext.NT;
        }
        if (chance(.5)) {
            flags |= VcpuContext.IOPL;
        }
        if (chance(.1)) {
            flags |= VcpuContext.AC;
        }
        if (chance(.5)) {
            flags |= VcpuContext.IF;
        }
        v.setFlags(flags);
        v.rip = start;
        v.instructions = 0;
        v.recompute();
        state = SweepState.of(v);
        return this;
    }

    private void registers() {
        boolean wide = mode.codeBits == 64;
        for (int i = 0; i < 16; i++) {
            gpr[i] = chance(.3) ? random.nextInt(16) : random.nextLong();
        }
        if (chance(.5)) {
            gpr[1] = random.nextInt(7);
        }
        if (entry.mnemonic.endsWith("MSR")) {
            gpr[1] = MSRS[random.nextInt(MSRS.length)];
            gpr[0] = chance(.5) ? 0 : gpr[0];
            gpr[2] = 0;
        }
        if (entry.mnemonic.startsWith("IN") || entry.mnemonic.startsWith("OUT")) {
            gpr[2] = random.nextInt(512);
        }
        gpr[4] = SweepMode.STACK - mode.base() + random.nextInt(97) - 48;
        if (chance(.5)) {
            gpr[4] &= ~7;
        }
        gpr[5] = SweepMode.STACK - mode.base() - 0x1000 + random.nextInt(65) - 32;
        for (int i : new int[] {3, 6, 7}) {
            gpr[i] = target() - mode.base();
        }
        if (wide) {
            gpr[8] = target();
        } else {
            for (int i = 0; i < 16; i++) {
                gpr[i] = i < 8 ? gpr[i] & 0xFFFF_FFFFL : 0;
            }
        }
    }

    /** A linear address for an operand. */
    private int target() {
        int r = random.nextInt(20);
        int size = 1 + random.nextInt(20);
        if (r < 9) {
            int page = SweepMode.DATA + 0x1000 * (1 + random.nextInt(5));
            return page - size;
        }
        if (r < 13) {
            return SweepMode.DATA + random.nextInt(SweepMode.DATA_END - SweepMode.DATA) & ~15;
        }
        return switch (r) {
            case 13 -> SweepMachine.DEVICE + 16 * random.nextInt(64) + 8;
            case 14 -> SweepMachine.DEVICE + random.nextInt(0x800);
            case 15 -> SweepMachine.DEVICE - size;
            case 16 -> SweepMode.STACK - random.nextInt(48);
            case 17 -> SweepMode.CODE + 0x1000 - size;
            case 18 ->
                    chance(.5)
                            ? SweepMode.GDT + random.nextInt(0x80)
                            : SweepMachine.DEVICE_END - size;
            default -> SweepMode.DATA + 0x1000 * (1 + random.nextInt(4)) - 16 * random.nextInt(4);
        };
    }

    // ---- encoding

    private void encode() {
        String mandatory = prefix();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        boolean string =
                entry.map == 0
                        && (entry.opcode >= 0xA4 && entry.opcode <= 0xA7
                                || entry.opcode >= 0xAA && entry.opcode <= 0xAF
                                || entry.opcode >= 0x6C && entry.opcode <= 0x6F);
        boolean p67 = chance(.15);
        addressSize =
                switch (mode.codeBits) {
                    case 64 -> p67 ? 4 : 8;
                    case 32 -> p67 ? 2 : 4;
                    default -> p67 ? 4 : 2;
                };
        addressMask = addressSize == 8 ? -1L : addressSize == 4 ? 0xFFFF_FFFFL : 0xFFFFL;
        if (p67) {
            out.write(0x67);
        }
        p66 = mandatory.isEmpty() ? chance(.3) : mandatory.equals("66");
        if (p66) {
            out.write(0x66);
        }
        if (chance(.15)) {
            int[] overrides = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65};
            segmentOverride = random.nextInt(6);
            out.write(overrides[segmentOverride]);
        }
        boolean modrm = modrmNeeded();
        boolean memory =
                modrm
                        && entry.exact < 0
                        && entry.form != Row.Form.REGISTER
                        && (entry.form == Row.Form.MEMORY || chance(.65));
        if (entry.lockable && memory && chance(.3)) {
            out.write(0xF0);
        }
        if (mandatory.startsWith("F")) {
            out.write(Integer.parseInt(mandatory, 16));
        } else if (string && chance(.7)) {
            out.write(chance(.5) ? 0xF3 : 0xF2);
            repeated = true;
        }
        rexW = mode.codeBits == 64 && chance(.4);
        if (mode.codeBits == 64 && (rexW || chance(.5))) {
            rex = 0x40 | (rexW ? 8 : 0) | random.nextInt(8);
        }
        boolean mandatory66 = mandatory.equals("66");
        boolean small = p66 && !mandatory66;
        boolean default64 = Arrays.asList(entry.toString().split("\\s+")).contains("d64");
        operandSize =
                switch (mode.codeBits) {
                    case 64 -> rexW ? 8 : small ? 2 : default64 ? 8 : 4;
                    case 32 -> small ? 2 : 4;
                    default -> small ? 4 : 2;
                };
        ByteArrayOutputStream tail = new ByteArrayOutputStream();
        int modrmByte = -1;
        if (entry.exact >= 0) {
            modrmByte = entry.exact;
        } else if (modrm) {
            modrmByte = modrm(memory, tail);
        }
        if (rex != 0) {
            out.write(rex);
        }
        switch (entry.map) {
            case 1 -> out.write(0x0F);
            case 2 -> out.writeBytes(new byte[] {0x0F, 0x38});
            case 3 -> out.writeBytes(new byte[] {0x0F, 0x3A});
            default -> {
                // One-byte opcode.
            }
        }
        out.write(entry.opcode);
        if (modrmByte >= 0) {
            out.write(modrmByte);
        }
        out.writeBytes(tail.toByteArray());
        prefixLength = out.size();
        immediates(out);
        code = out.toByteArray();
    }

    private int prefixLength;

    private boolean modrmNeeded() {
        return entry.modrm;
    }

    /** Returns the ModR/M byte; SIB and displacement go to {@code tail}. */
    private int modrm(boolean memory, ByteArrayOutputStream tail) {
        int reg = entry.digit >= 0 ? entry.digit : random.nextInt(8);
        if (!memory) {
            int rm = random.nextInt(8);
            registerOperand = rm | (rex & 1) << 3;
            return 0xC0 | reg << 3 | rm;
        }
        operand = target();
        Family family = entry.definition.family();
        boolean simd = family == Family.SSE || family == Family.MMX;
        if ((simd || has("M")) && chance(.6)) {
            operand &= ~15;
        }
        return addressSize == 2 ? memory16(reg, tail) : memory32(reg, tail);
    }

    private int segmentBase(boolean stack) {
        if (mode.codeBits == 64) {
            return segmentOverride == 4 ? 0x120 : segmentOverride == 5 ? 0x340 : 0;
        }
        return mode.base();
    }

    private int memory32(int reg, ByteArrayOutputStream tail) {
        int offset = operand - segmentBase(false);
        int kind = random.nextInt(10);
        if (kind == 0) {
            // No base: absolute outside 64-bit mode, relative to rip there.
            if (mode.codeBits == 64) {
                tail.write(0x25);
                rex &= ~2;
            }
            little(tail, offset, 4);
            return reg << 3 | (mode.codeBits == 64 ? 4 : 5);
        }
        if (kind == 1) {
            // The stack pointer: wherever it is.
            int d = random.nextInt(64);
            tail.write(0x24);
            tail.write(d);
            rex &= ~3;
            operand = (int) gpr[4] + d + segmentBase(true);
            return 0x44 | reg << 3;
        }
        int[] bases = {0, 1, 2, 3, 6, 7};
        int base = bases[random.nextInt(6)];
        int full = base | (rex & 1) << 3;
        int d = random.nextInt(256) - 128;
        if (kind == 2) {
            int index = bases[(Arrays.binarySearch(new int[] {0, 1, 2, 3, 6, 7}, base) + 1) % 6];
            int scale = random.nextInt(4);
            rex &= ~2;
            taken[index] = true;
            gpr[index] = random.nextInt(4);
            if (index == full) {
                gpr[index] = 0;
            }
            gpr[full] = offset - d - (gpr[index] << scale);
            taken[full] = true;
            tail.write(scale << 6 | index << 3 | base);
            tail.write(d);
            return 0x44 | reg << 3;
        }
        gpr[full] = offset - d;
        taken[full] = true;
        if (mode.codeBits != 64) {
            gpr[full] &= 0xFFFF_FFFFL;
        }
        if (kind < 6) {
            tail.write(d);
            if (base == 4) {
                throw new IllegalStateException("needs a SIB");
            }
            return 0x40 | reg << 3 | base;
        }
        little(tail, d, 4);
        return 0x80 | reg << 3 | base;
    }

    private int memory16(int reg, ByteArrayOutputStream tail) {
        int rm = random.nextInt(8);
        int[] bases = {3, 3, 5, 5, 6, 7, 5, 3};
        int[] indices = {6, 7, 6, 7, -1, -1, -1, -1};
        int offset = operand - segmentBase(false) & 0xFFFF;
        int d = random.nextInt(256) - 128;
        int x = 0;
        if (indices[rm] >= 0) {
            x = random.nextInt(64);
            gpr[indices[rm]] = gpr[indices[rm]] & 0xFFFF_0000L | x;
        }
        gpr[bases[rm]] = gpr[bases[rm]] & 0xFFFF_0000L | offset - d - x & 0xFFFF;
        tail.write(d);
        return 0x40 | reg << 3 | rm;
    }

    private void immediates(ByteArrayOutputStream out) {
        boolean enter = entry.mnemonic.equals("ENTER");
        for (String kind : entry.operands.split(",")) {
            switch (kind) {
                case "Ib" -> out.write(enter ? random.nextInt(7) : byteImmediate());
                case "Iw" -> little(out, random.nextInt(enter ? 128 : 32), 2);
                case "Iz" -> little(out, random.nextLong(), operandSize == 2 ? 2 : 4);
                case "Iv" -> little(out, random.nextLong(), operandSize);
                case "Jb" -> out.write(random.nextInt());
                case "Jz" -> relative(out);
                case "Ap" -> {
                    little(out, SweepMode.TARGET - mode.base(), operandSize == 2 ? 2 : 4);
                    little(out, selector(), 2);
                }
                case "Ob", "Ov" -> {
                    operand = target();
                    little(out, operand - segmentBase(false), addressSize);
                }
                default -> {
                    // Not an immediate.
                }
            }
        }
    }

    private int byteImmediate() {
        return entry.mnemonic.equals("INT") ? random.nextInt(0x24) : random.nextInt();
    }

    /** To the target page, from a start that is not known yet: patched by {@link #place}. */
    private void relative(ByteArrayOutputStream out) {
        little(out, 0, operandSize == 2 && mode.codeBits != 64 ? 2 : operandSize == 2 ? 2 : 4);
    }

    private static void little(ByteArrayOutputStream out, long x, int bytes) {
        for (int i = 0; i < bytes; i++) {
            out.write((int) (x >>> 8 * i));
        }
    }

    private int selector() {
        if (chance(.4)) {
            return mode.codeSelector();
        }
        return SELECTORS[random.nextInt(SELECTORS.length)];
    }

    // ---- memory

    /** Puts the code into memory, across two pages or inside one. */
    private void place(VcpuContext v) {
        int lin =
                chance(.5)
                        ? SweepMode.CODE + 0x400
                        : SweepMode.CODE + 0x1000 - 1 - random.nextInt(code.length);
        start = lin - mode.base();
        if (has("Jz")) {
            int bytes = code.length - prefixLength;
            int d = SweepMode.TARGET + random.nextInt(64) - (lin + code.length);
            for (int i = 0; i < bytes; i++) {
                code[prefixLength + i] = (byte) (d >> 8 * i);
            }
        }
        for (int i = 0; i < code.length; i++) {
            mode.put(image, lin + i, 1, code[i]);
        }
    }

    private void write(int lin, int size, long value) {
        for (int i = 0; i < size; i++) {
            int at = lin + i;
            if (at >= 0 && at < SweepMachine.RAM) {
                image.set(ValueLayout.JAVA_BYTE, mode.gpa(at), (byte) (value >>> 8 * i));
            }
        }
    }

    /**
     * Gives operands that mean something a meaning: near and far pointers, frames, descriptor table
     * registers.
     */
    private void contents() {
        int near = SweepMode.TARGET - mode.base() + random.nextInt(64);
        String m = entry.mnemonic;
        boolean device = operand >= SweepMachine.DEVICE - 16 && operand < SweepMachine.DEVICE_END;
        if (operand >= 0 && !device) {
            if (has("Mp")) {
                write(operand, operandSize, near);
                write(operand + operandSize, 2, selector());
            } else if (m.equals("LGDT") || m.equals("LIDT")) {
                write(operand, 2, 0xFF);
                write(operand + 2, 8, SweepMode.GDT);
            } else if (m.equals("CALL") || m.equals("JMP")) {
                write(operand, 8, near);
            } else if (SELECTOR_OPERAND.contains(m)) {
                write(operand, 2, selector());
            } else if (m.equals("FXRSTOR")) {
                write(operand + 24, 4, 0x1F80);
            } else if (m.equals("LDMXCSR")) {
                write(operand, 4, 0x1F80);
            }
        }
        if (registerOperand >= 0 && registerOperand != 4) {
            if (m.equals("CALL") || m.equals("JMP")) {
                gpr[registerOperand] = near;
            } else if (SELECTOR_OPERAND.contains(m)) {
                gpr[registerOperand] = selector();
            }
        }
        if (m.equals("SYSRET") || m.equals("SYSEXIT")) {
            gpr[1] = m.equals("SYSRET") ? near : SweepMode.STACK;
            gpr[2] = near;
        }
        if (repeated) {
            gpr[1] = gpr[1] & ~addressMask | random.nextInt(48);
        }
        if (mode.codeBits / 8 > addressSize && entry.map == 0 && chance(.3)) {
            gpr[6] |= random.nextLong() & ~addressMask & highest();
            gpr[7] |= random.nextLong() & ~addressMask & highest();
        }
        stack(m, near);
    }

    private long highest() {
        return mode.codeBits == 64 ? -1L : 0xFFFF_FFFFL;
    }

    private void stack(String m, int near) {
        int at = (int) gpr[4] + mode.base();
        if (m.equals("POP_SREG")) {
            write(at, 2, selector());
        } else if (m.equals("RET")) {
            write(at, 8, near);
        } else if (m.equals("RETF") || m.equals("IRET")) {
            int n = operandSize;
            int release = m.equals("RETF") && has("Iw") ? (code[code.length - 2] & 0xFF) : 0;
            long[] frame =
                    m.equals("RETF")
                            ? new long[] {near, selector()}
                            : new long[] {near, selector(), flags()};
            for (int i = 0; i < frame.length; i++) {
                write(at + n * i, n, frame[i]);
            }
            int outer = at + n * frame.length + release;
            write(outer, n, SweepMode.STACK - mode.base() - 0x100);
            write(
                    outer + n,
                    n,
                    chance(.6)
                            ? mode.cpl == 3 || chance(.5) ? outerStack() : mode.dataSelector()
                            : selector());
            for (int i = 2; i < 6; i++) {
                write(outer + n * i, n, SweepMode.BASE >> 4);
            }
        }
    }

    private int outerStack() {
        return mode.codeBits == 16 ? SweepMode.DS16_3 : SweepMode.DS3;
    }

    private long flags() {
        return random.nextInt() & 0xCD5 | 2 | (chance(.3) && operandSize == 4 ? VcpuContext.VM : 0);
    }

    /** Linear address of the memory operand, or -1. */
    int operand() {
        return operand;
    }

    /** The instruction has a memory operand of its own. */
    boolean memory() {
        return operand >= 0;
    }

    /** Linear address in ES:[RDI]. */
    long destination() {
        long offset = state.values[7] & addressMask;
        return mode.codeBits == 64 ? offset : offset + mode.base() & 0xFFFF_FFFFL;
    }

    @Override
    public String toString() {
        return "%s %s [%s] seed %d operand %x"
                .formatted(
                        mode,
                        entry.toString().trim().replaceAll("\\s+", " "),
                        HexFormat.of().formatHex(code == null ? new byte[0] : code),
                        seed,
                        operand);
    }
}
