// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.decode;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.isa.Immediate;
import dev.faultline.cpu.x86.isa.InstructionTable;
import dev.faultline.cpu.x86.isa.MandatoryPrefix;
import dev.faultline.cpu.x86.isa.OpcodeMaps;
import dev.faultline.cpu.x86.isa.Property;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.isa.Space;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.Raise;
import dev.faultline.cpu.x86.state.Faults;
import org.jspecify.annotations.Nullable;

/**
 * Bytes to {@link Op}s, driven by {@link InstructionTable}. SDM 2A, "Instruction Format". One per
 * vCPU; not thread-safe.
 *
 * <p>An encoding that does not exist decodes to an Op that raises #UD, one longer than 15 bytes to
 * one that raises #GP: decoding itself never faults.
 */
public final class Decoder {
    /** Longest instruction, bytes. */
    public static final int MAX_LENGTH = 15;

    private static final int[] BASES_16 = {3, 3, 5, 5, 6, 7, 5, 3};
    private static final int[] INDICES_16 = {6, 7, 6, 7, 16, 16, 16, 16};

    private static final MandatoryPrefix[] VEX_PREFIXES = {
        MandatoryPrefix.NP, MandatoryPrefix.P66, MandatoryPrefix.PF3, MandatoryPrefix.PF2
    };

    private final OpcodeMaps maps;
    private final Decoded own = new Decoded();
    private Decoded d = own;
    private byte[] code = {};
    private int available;
    private int at;

    /** Thrown away internally: the bytes ended. */
    private boolean exhausted;

    /** Only the length is wanted. */
    private boolean measures;

    public Decoder() {
        this(InstructionTable.maps());
    }

    /** For tests, which have rows of their own. */
    Decoder(OpcodeMaps maps) {
        this.maps = maps;
    }

    /**
     * Decodes the instruction at the start of {@code code}.
     *
     * @param code instruction bytes
     * @param available how many of them there are
     * @param codeBits 16, 32 or 64
     * @param start offset of the instruction from {@code v.engineBase}
     * @return the Op, or null: more than {@code available} bytes are needed
     */
    public @Nullable Op decode(byte[] code, int available, int codeBits, int start) {
        this.code = code;
        this.available = Math.min(available, MAX_LENGTH);
        at = 0;
        exhausted = false;
        d.codeBits = codeBits;
        d.start = start;
        d.clearMemory();
        d.row = InstructionTable.NONE;
        Op op = parse();
        if (exhausted) {
            if (available < MAX_LENGTH) {
                return null;
            }
            op = new Raise(Faults.GP, 0);
            at = MAX_LENGTH;
        }
        return op;
    }

    /**
     * Length of the instruction at the start of {@code code}; allocates nothing. Invalidates what
     * {@link #lastLength} and {@link #row} know.
     *
     * @param code instruction bytes
     * @param available how many of them there are
     * @param codeBits 16, 32 or 64
     * @return bytes, or -1: more than {@code available} are needed
     */
    public int length(byte[] code, int available, int codeBits) {
        this.code = code;
        this.available = Math.min(available, MAX_LENGTH);
        at = 0;
        exhausted = false;
        d.codeBits = codeBits;
        measures = true;
        parse();
        measures = false;
        if (exhausted) {
            return available < MAX_LENGTH ? -1 : MAX_LENGTH;
        }
        return at;
    }

    /**
     * What the instruction at the start of {@code code} says, without an Op. Invalidates what
     * {@link #lastLength} and {@link #row} know.
     *
     * @param code instruction bytes
     * @param available how many of them there are
     * @param codeBits 16, 32 or 64
     * @return its fields, reused by the next call of any method; null: more than {@code available}
     *     bytes are needed
     */
    public @Nullable Decoded fields(byte[] code, int available, int codeBits) {
        d.start = 0;
        d.clearMemory();
        d.row = InstructionTable.NONE;
        int length = length(code, available, codeBits);
        d.end = length;
        if (exhausted) {
            d.row = InstructionTable.NONE;
        }
        return length < 0 ? null : d;
    }

    /**
     * The same, into fields that stay.
     *
     * @return length, bytes, which {@code into.end} is too; -1: more than {@code available} are
     *     needed
     */
    public int fields(byte[] code, int available, int codeBits, Decoded into) {
        d = into;
        try {
            return fields(code, available, codeBits) == null ? -1 : into.end;
        } finally {
            d = own;
        }
    }

    /** Bytes of the last instruction that {@link #decode} made an Op of. */
    public int lastLength() {
        return at;
    }

    /**
     * True if no further instruction may follow in a block after the last one that {@link #decode}
     * made an Op of, whatever it returns.
     */
    public boolean endsBlock() {
        return d.row == InstructionTable.NONE || d.row.definition.is(Property.ENDS);
    }

    /** For tests: row of the last instruction decoded; null if its encoding does not exist. */
    public @Nullable Row row() {
        return d.row == InstructionTable.NONE ? null : d.row;
    }

    private Op parse() {
        boolean p66 = false;
        boolean p67 = false;
        boolean lock = false;
        int rep = 0;
        int over = -1;
        int rex = 0;
        int b = next();
        boolean more = true;
        while (more) {
            boolean isRex = false;
            switch (b) {
                case 0x66 -> p66 = true;
                case 0x67 -> p67 = true;
                case 0xF0 -> lock = true;
                case 0xF2, 0xF3 -> rep = b;
                case 0x26 -> over = unless64(Segments.ES, over);
                case 0x2E -> over = unless64(Segments.CS, over);
                case 0x36 -> over = unless64(Segments.SS, over);
                case 0x3E -> over = unless64(Segments.DS, over);
                case 0x64 -> over = Segments.FS;
                case 0x65 -> over = Segments.GS;
                default -> {
                    isRex = d.codeBits == 64 && (b & 0xF0) == 0x40;
                    more = isRex;
                }
            }
            if (more) {
                // A REX counts only directly before the opcode: any prefix after it cancels it.
                rex = isRex ? b : 0;
                b = next();
            }
        }
        d.space = Space.LEGACY;
        d.vvvv = 0;
        d.length = 0;
        d.prefixes = at - 1;
        d.prefix66 = p66;
        d.rep = rep;
        d.lock = lock;
        d.rex = rex;
        d.rexW = (rex & 8) != 0;
        d.segOverride = over;
        int bits = d.codeBits;
        d.addressSize = bits == 64 ? p67 ? 4 : 8 : bits == 32 != p67 ? 4 : 2;
        boolean vex = b == 0xC4 || b == 0xC5 || b == 0x62;
        // Elsewhere these are LES, LDS and BOUND, whose operand is in memory.
        if (vex && (bits == 64 || peek() >= 0xC0)) {
            return p66 || rep != 0 || lock || rex != 0 ? undefined() : vector(b);
        }
        return opcode(b);
    }

    /** A VEX or EVEX prefix, and what follows. Its registers are inverted. */
    private Op vector(int first) {
        int rxb = first == 0xC5 ? (next() ^ 0x80) & 0xFF : next() ^ 0xE0;
        int map = first == 0xC5 ? 1 : rxb & 0x1F;
        int rest = first == 0xC5 ? rxb & 0x7F : next();
        d.space = Space.VEX;
        d.length = rest >> 2 & 1;
        boolean bad = map > 3;
        if (first == 0x62) {
            int mask = next();
            d.space = Space.EVEX;
            d.length = mask >> 5 & 3;
            map = rxb & 7;
            bad = (rxb & 8) != 0 || (rest & 4) == 0;
        }
        int r = rxb >> 5 & (first == 0xC5 ? 4 : 7);
        d.rex = d.codeBits == 64 ? 0x40 | r | (rest & 0x80) >> 4 : 0;
        d.rexW = first != 0xC5 && (rest & 0x80) != 0;
        d.vvvv = ~rest >> 3 & (d.codeBits == 64 ? 15 : 7);
        d.map = map;
        d.opcode = next();
        if (exhausted) {
            return Raise.UNDEFINED;
        }
        return bad ? undefined() : row(VEX_PREFIXES[rest & 3]);
    }

    /** In 64-bit mode an override with ES, CS, SS or DS is none, nor does it undo one before it. */
    private int unless64(int segment, int before) {
        return d.codeBits == 64 ? before : segment;
    }

    private Op opcode(int first) {
        int map = 0;
        int op = first;
        if (op == 0x0F) {
            map = 1;
            op = next();
            if (op == 0x38 || op == 0x3A) {
                map = op == 0x38 ? 2 : 3;
                op = next();
            }
        }
        if (exhausted) {
            return Raise.UNDEFINED;
        }
        d.map = map;
        d.opcode = op;
        return row(MandatoryPrefix.of(d.rep, d.prefix66));
    }

    private Op row(MandatoryPrefix prefix) {
        Row[] c = maps.candidates(d.space, d.map, d.opcode);
        int modrm = -1;
        for (Row e : c) {
            if (e.modrm) {
                modrm = peek();
                break;
            }
        }
        Row e = select(c, prefix, modrm);
        if (exhausted) {
            return Raise.UNDEFINED;
        }
        return e == null ? undefined() : operands(e);
    }

    private Op undefined() {
        return measures ? Raise.UNDEFINED : new Raise(Faults.UD);
    }

    private @Nullable Row select(Row[] c, MandatoryPrefix prefix, int modrm) {
        for (Row e : c) {
            if (e.matches(prefix, modrm, d.codeBits)
                    && (d.space == Space.LEGACY || e.takes(d.length, d.rexW, d.vvvv))) {
                return e;
            }
        }
        return null;
    }

    private Op operands(Row e) {
        d.row = e;
        d.mnemonic = e.mnemonic;
        boolean p66 = d.prefix66 && (e.prefix != MandatoryPrefix.P66 || e.sizedBy66);
        d.operandSize =
                switch (d.codeBits) {
                    case 64 -> d.rexW || e.forced64 ? 8 : e.default64 ? p66 ? 2 : 8 : p66 ? 2 : 4;
                    case 32 -> p66 ? 2 : 4;
                    default -> p66 ? 4 : 2;
                };
        d.seg = d.segOverride >= 0 ? d.segOverride : Segments.DS;
        if (e.modrm) {
            modrm();
        } else {
            d.rm = d.opcode & 7 | (d.rex & 1) << 3;
        }
        for (Immediate k : e.immediates) {
            immediate(k);
        }
        if (exhausted) {
            return Raise.UNDEFINED;
        }
        d.end = d.start + at;
        if (measures) {
            return Raise.UNDEFINED;
        }
        if (d.lock && !(e.lockable && d.mem)) {
            return new Raise(Faults.UD);
        }
        return Makers.make(d);
    }

    private void immediate(Immediate kind) {
        switch (kind) {
            case BYTE -> d.imm = (byte) next();
            case SECOND_BYTE -> d.imm2 = next();
            case WORD -> d.imm = little(2);
            case UP_TO_DOUBLEWORD ->
                    d.imm = d.operandSize == 2 ? (short) little(2) : (int) little(4);
            case FULL ->
                    d.imm =
                            d.operandSize == 2
                                    ? (short) little(2)
                                    : d.operandSize == 4 ? (int) little(4) : little(8);
            case FAR_POINTER -> {
                d.imm = little(d.operandSize == 2 ? 2 : 4);
                d.imm2 = (int) little(2);
            }
            case ADDRESS -> {
                d.mem = true;
                d.disp = little(d.addressSize);
            }
        }
    }

    private void modrm() {
        int m = next();
        d.modrm = m;
        d.mod = m >> 6;
        d.reg = m >> 3 & 7 | (d.rex & 4) << 1;
        int rm = m & 7;
        d.rm = rm | (d.rex & 1) << 3;
        // MOV to and from control and debug registers ignores mod.
        boolean registersOnly =
                d.space == Space.LEGACY && d.map == 1 && d.opcode >= 0x20 && d.opcode <= 0x23;
        if (d.mod == 3 || registersOnly) {
            return;
        }
        d.mem = true;
        if (d.addressSize == 2) {
            memory16(rm);
        } else {
            memory32(rm);
        }
    }

    private void memory16(int rm) {
        boolean ss = rm == 2 || rm == 3 || rm == 6;
        d.base = BASES_16[rm];
        d.index = INDICES_16[rm];
        if (d.mod == 0 && rm == 6) {
            d.base = VcpuContext.ZERO;
            d.disp = little(2);
            ss = false;
        } else if (d.mod == 1) {
            d.disp = (byte) next();
        } else if (d.mod == 2) {
            d.disp = (short) little(2);
        }
        if (ss && d.segOverride < 0) {
            d.seg = Segments.SS;
        }
    }

    private void memory32(int rm) {
        int b = rm;
        boolean sib = rm == 4;
        if (sib) {
            int s = next();
            d.scale = s >> 6;
            int i = s >> 3 & 7 | (d.rex & 2) << 2;
            d.index = i == 4 ? VcpuContext.ZERO : i;
            if (i == 4) {
                d.scale = 0;
            }
            b = s & 7;
        }
        if (b == 5 && d.mod == 0) {
            d.disp = (int) little(4);
            d.ripRelative = !sib && d.codeBits == 64;
            return;
        }
        d.base = b | (d.rex & 1) << 3;
        if ((d.base == 4 || d.base == 5) && d.segOverride < 0) {
            d.seg = Segments.SS;
        }
        if (d.mod == 1) {
            d.disp = (byte) next();
        } else if (d.mod == 2) {
            d.disp = (int) little(4);
        }
    }

    private int next() {
        if (at >= available) {
            exhausted = true;
            return 0;
        }
        return code[at++] & 0xFF;
    }

    private int peek() {
        if (at >= available) {
            exhausted = true;
            return 0;
        }
        return code[at] & 0xFF;
    }

    private long little(int bytes) {
        long x = 0;
        for (int i = 0; i < bytes; i++) {
            x |= (long) next() << 8 * i;
        }
        return x;
    }
}
