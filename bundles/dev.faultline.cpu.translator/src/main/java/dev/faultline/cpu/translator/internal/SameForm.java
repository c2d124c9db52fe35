// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static dev.faultline.cpu.translator.internal.Assembler.R13;
import static dev.faultline.cpu.translator.internal.Assembler.R14;
import static dev.faultline.cpu.translator.internal.Assembler.R15;
import static dev.faultline.cpu.translator.internal.Assembler.RCX;

import dev.faultline.cpu.x86.isa.Definition;
import dev.faultline.cpu.x86.isa.Family;
import dev.faultline.cpu.x86.isa.Immediate;
import dev.faultline.cpu.x86.isa.Implied;
import dev.faultline.cpu.x86.isa.MandatoryPrefix;
import dev.faultline.cpu.x86.isa.OperandCode;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.isa.Shape;
import dev.faultline.cpu.x86.isa.Uses;
import dev.faultline.cpu.x86.op.Decoded;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The guest's instruction as it is, with its registers mapped and its memory operand at the host
 * address that a probe gave. SDM 2A, "Instruction Format".
 */
final class SameForm {
    /** What is implied and is the host's own: registers under the same number, and MXCSR. */
    private static final Set<Implied> IN_PLACE =
            EnumSet.of(
                    Implied.AX,
                    Implied.DX,
                    Implied.BX,
                    Implied.BP,
                    Implied.SI,
                    Implied.DI,
                    Implied.MXCSR);

    /** The same, and what is loaded for the instruction if it is read. */
    private static final Set<Implied> READABLE = EnumSet.copyOf(IN_PLACE);

    static {
        READABLE.add(Implied.XMM0);
    }

    /** What does with memory just what it does with a register of the same size. */
    private static final Set<Shape> PLAIN =
            EnumSet.of(
                    Shape.BINARY,
                    Shape.COMPARE,
                    Shape.UNARY,
                    Shape.MOVE,
                    Shape.MOVE_SIGNED,
                    Shape.SHIFT,
                    Shape.COMBINE,
                    Shape.MOVE_IF);

    private final Writer w;
    private final Assembler a;

    /** A general register of the instruction, and the host's that stands for it meanwhile. */
    private static final class Register {
        int number = -1;
        boolean vector;
        boolean high;

        /** The instruction works on its slot. */
        boolean inSlot;

        boolean read;
        boolean written;
        int size;
        int host;

        void none() {
            number = -1;
        }

        void setVector(int guest, String role) {
            number = guest;
            vector = true;
            high = false;
            inSlot = false;
            written = role.contains("w");
        }

        void set(int guest, int bytes, String role, Decoded d) {
            vector = false;
            high = bytes == 1 && d.highByte(guest);
            inSlot = false;
            number = high ? guest - 4 : guest;
            size = bytes;
            read = role.contains("r");
            written = role.contains("w");
        }

        /** Whether another register stands for it. */
        boolean moved() {
            return vector || high || NativeCode.host(number) < 0;
        }
    }

    /** Host XMM registers that stand for the guest's; xmm0 is the guest's where it is implied. */
    private static final int XMM_RM = 1;

    private static final int XMM_REG = 2;

    // Opcodes of the two-byte map, without a prefix.
    private static final int MOVUPS_LOAD = 0x10;
    private static final int MOVUPS_STORE = 0x11;

    private final Register reg = new Register();
    private final Register rm = new Register();
    private boolean countInCl;
    private boolean usesXmm0;
    private int memorySize;
    private int memoryAccess;

    SameForm(Writer w) {
        this.w = w;
        a = w.a;
    }

    boolean write(Decoded d) {
        return write(d, d.lock);
    }

    /**
     * @param locked the access to memory is atomic, with or without a LOCK prefix
     * @return false: nothing was written
     */
    boolean write(Decoded d, boolean locked) {
        if (!operands(d) || !implied(d.row.definition)) {
            return false;
        }
        if (d.row.definition.family() == Family.SSE && !w.allowsVectors()) {
            return false;
        }
        boolean memory = d.mem && memoryAccess != 0;
        if (d.mem && !memory || countInCl && reg.number >= 0 && (memory || reg.moved())) {
            return false;
        }
        if (memory) {
            w.address(d);
            if (locked) {
                w.probeLocked(memorySize);
            } else {
                if (memorySize == 16 && d.row.definition.shape() != Shape.MOVE_UNALIGNED) {
                    w.leaveUnlessAligned(16); // for some that need not be, too
                }
                w.probe(memorySize, memoryAccess);
            }
        }
        rm.inSlot = mayStayInSlot(d);
        take(reg, reg.vector ? XMM_REG : RCX);
        take(rm, rm.vector ? XMM_RM : R13);
        if (usesXmm0) {
            xmm(MOVUPS_LOAD, 0, StateBlock.xmm(0));
        }
        if (countInCl) {
            a.move(RCX, NativeCode.host(1));
        }
        instruction(d);
        give(reg);
        give(rm);
        if (writesVector()) {
            a.b(0x41, 0xC6); // mov byte [xmm written], 1
            a.slotOperand(0, StateBlock.XMM_WRITTEN);
            a.b(1);
        }
        return true;
    }

    private boolean writesVector() {
        return reg.number >= 0 && reg.vector && reg.written
                || rm.number >= 0 && rm.vector && rm.written;
    }

    /** MOVUPS between an XMM register and its slot. */
    private void xmm(int op, int register, int slot) {
        a.b(0x41, 0x0F, op);
        a.slotOperand(register, slot);
    }

    // ---- operands

    /** Finds out which registers there are; false if one is of another kind. */
    private boolean operands(Decoded d) {
        reg.none();
        rm.none();
        countInCl = false;
        memoryAccess = 0;
        Row row = d.row;
        int roles = 0;
        for (int i = 0; i < row.codes.size(); i++) {
            OperandCode c = row.codes.get(i);
            String role = role(row.definition, i, roles);
            if (c.hasRole()) {
                roles++;
            }
            boolean known =
                    switch (c.kind()) {
                        case IMMEDIATE -> true;
                        case REG -> general(reg, d.reg, c, role, d);
                        case OPCODE, RM -> general(rm, d.rm, c, role, d);
                        case RM_OR_MEMORY, MEMORY -> modrm(c, role, d);
                        case FIXED -> fixed(c);
                        case XMM_REG -> vector(reg, d.reg, role);
                        case XMM_RM -> vector(rm, d.rm, role);
                        case XMM_RM_OR_MEMORY -> d.mem ? modrm(c, role, d) : vector(rm, d.rm, role);
                        default -> false;
                    };
            if (!known) {
                return false;
            }
        }
        return true;
    }

    private static String role(Definition def, int operand, int withRole) {
        if (def.shape() != null) {
            List<String> of = def.shape().roles;
            return operand < of.size() ? of.get(operand) : "r";
        }
        Uses uses = def.uses();
        return uses != null && withRole < uses.roles().size() ? uses.roles().get(withRole) : "-";
    }

    private static boolean general(Register r, int number, OperandCode c, String role, Decoded d) {
        if (!role.contains("r") && !role.contains("w")) {
            return false;
        }
        r.set(number, c.bytes(d.operandSize, d.rexW), role, d);
        return true;
    }

    private boolean vector(Register r, int number, String role) {
        r.setVector(number, role);
        return w.allowsVectors();
    }

    private boolean modrm(OperandCode c, String role, Decoded d) {
        if (!d.mem) {
            return c.kind() != OperandCode.Kind.MEMORY && general(rm, d.rm, c, role, d);
        }
        memorySize = c.bytes(d.operandSize, d.rexW);
        memoryAccess =
                (role.contains("r") ? Writer.READ : 0) | (role.contains("w") ? Writer.WRITE : 0);
        return memoryAccess != 0;
    }

    /** AL and rAX are in place; CL has to be. */
    private boolean fixed(OperandCode c) {
        countInCl |= c.number() == 1;
        return c.number() == 0 || c.number() == 1;
    }

    private boolean implied(Definition def) {
        @Nullable Uses uses = def.uses();
        usesXmm0 = uses != null && uses.read().contains(Implied.XMM0);
        return uses == null
                || !uses.counts()
                        && READABLE.containsAll(uses.read())
                        && IN_PLACE.containsAll(uses.written());
    }

    // ---- registers

    /**
     * Whether the instruction can work on the slot of its register. (What writes four bytes has to
     * zero the others; those of other shapes lock memory, or address bits behind it.)
     */
    private boolean mayStayInSlot(Decoded d) {
        return !d.mem
                && d.row.modrm
                && rm.number >= 0
                && !rm.vector
                && NativeCode.host(rm.number) < 0
                && !(rm.written && rm.size == 4)
                && (reg.number < 0 || !reg.vector)
                && d.row.definition.shape() != null
                && PLAIN.contains(d.row.definition.shape());
    }

    /** Puts the register where the instruction will find it. */
    private void take(Register r, int scratch) {
        if (r.number < 0 || r.inSlot) {
            return;
        }
        r.host = r.vector ? scratch : NativeCode.host(r.number);
        if (!r.moved()) {
            return;
        }
        if (r.vector) {
            xmm(MOVUPS_LOAD, scratch, StateBlock.xmm(r.number));
        } else if (r.high) {
            a.rotateRight(scratch, w.at(r.number, scratch), 8);
        } else if (r.read || r.size < 4) {
            w.load(scratch, r.number);
        }
        r.host = scratch;
    }

    /** Puts the result where it belongs. */
    private void give(Register r) {
        if (r.number < 0 || !r.written || r.inSlot || !r.moved()) {
            return;
        }
        if (r.vector) {
            xmm(MOVUPS_STORE, r.host, StateBlock.xmm(r.number));
            return;
        }
        if (!r.high) {
            w.store(r.host, r.number);
            return;
        }
        int to = NativeCode.host(r.number);
        a.rotateRight(to, to, 8);
        byteMove(to, r.host);
        a.rotateRight(to, to, 56);
    }

    /** {@code mov to, from} of the low bytes. */
    private void byteMove(int to, int from) {
        a.b(0x40 | from >> 3 << 2 | to >> 3, 0x88, 0xC0 | (from & 7) << 3 | to & 7);
    }

    // ---- the instruction

    private void instruction(Decoded d) {
        Row row = d.row;
        boolean memory = d.mem;
        int r = row.modrm ? reg.number >= 0 ? reg.host : d.modrm >> 3 & 7 : 0;
        int b = memory ? R14 : rm.inSlot ? R15 : rm.number >= 0 ? rm.host : 0;
        int x = memory ? R13 : 0;
        if (d.lock) {
            a.b(0xF0);
        }
        if (d.prefix66) {
            a.b(0x66);
        }
        if (row.prefix == MandatoryPrefix.PF3 || row.prefix == MandatoryPrefix.PF2) {
            a.b(row.prefix == MandatoryPrefix.PF3 ? 0xF3 : 0xF2);
        }
        // With a REX prefix, byte registers 4 to 7 are low bytes: none is high here any more.
        a.b(0x40 | (d.rexW ? 8 : 0) | r >> 3 << 2 | x >> 3 << 1 | b >> 3);
        if (row.map > 0) {
            a.b(0x0F);
        }
        if (row.map > 1) {
            a.b(row.map == 2 ? 0x38 : 0x3A);
        }
        if (!row.modrm) {
            // A register in the opcode's low bits, or none.
            a.b(rm.number >= 0 ? d.opcode & ~7 | b & 7 : d.opcode);
        } else {
            a.b(d.opcode);
            if (memory) {
                a.guestOperand(r);
            } else if (rm.inSlot) {
                a.slotOperand(r, StateBlock.gpr(rm.number));
            } else {
                a.b(0xC0 | (r & 7) << 3 | b & 7);
            }
        }
        for (Immediate i : row.immediates) {
            a.little(d.imm, bytes(i, d.operandSize));
        }
    }

    private static int bytes(Immediate i, int operandSize) {
        return switch (i) {
            case BYTE, SECOND_BYTE -> 1;
            case WORD -> 2;
            case UP_TO_DOUBLEWORD -> Math.min(operandSize, 4);
            case FULL -> operandSize;
            case FAR_POINTER, ADDRESS ->
                    throw new IllegalStateException(
                            i + " is no operand of an instruction as it is");
        };
    }
}
