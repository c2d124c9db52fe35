// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.op;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.isa.Definition;
import dev.faultline.cpu.x86.isa.Implied;
import dev.faultline.cpu.x86.isa.OperandCode;
import dev.faultline.cpu.x86.isa.Shape;
import dev.faultline.cpu.x86.isa.Uses;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one instruction reads and writes besides flags and RIP, by its row: for who does not execute
 * it. A register of which only a part is written counts as read, too; so does one that is written
 * in some cases only.
 *
 * @param read bits 0 to 15: general registers; from {@link #XMM} on: XMM registers; the constants
 * @param written likewise
 */
public record RegisterUse(long read, long written) {
    /** Bit of XMM0. */
    public static final int XMM = 16;

    /** The x87's registers and control, status and tag words; MMX registers are the x87's. */
    public static final long ST = 1L << 32;

    public static final long MXCSR = 1L << 33;

    /** Memory, of operands and of the stack. */
    public static final long MEMORY = 1L << 34;

    /** All else: control and segment registers, MSRs, descriptors, ports, the time. */
    public static final long SYSTEM = 1L << 35;

    private static final long ALL_XMM = 0xFFFFL << XMM;
    private static final int SI = 6;
    private static final int DI = 7;

    /**
     * @param d an instruction that has a row
     * @return null: the table does not say
     */
    public static @Nullable RegisterUse of(Decoded d) {
        Definition definition = d.row.definition;
        Shape shape = definition.shape();
        Uses uses = definition.uses();
        Collector c = new Collector(d);
        if (shape != null) {
            for (int i = 0; i < shape.roles.size(); i++) {
                c.operand(d.row.codes.get(i), shape.roles.get(i));
            }
            if (shape.floating) {
                c.read |= MXCSR;
                c.written |= MXCSR;
            }
        } else if (uses != null) {
            List<OperandCode> operands = d.row.codes.stream().filter(OperandCode::hasRole).toList();
            for (int i = 0; i < operands.size(); i++) {
                c.operand(operands.get(i), uses.roles().get(i));
            }
        } else {
            return null;
        }
        if (uses != null) {
            c.implied(uses);
        }
        return new RegisterUse(c.read, c.written);
    }

    private static long bits(Implied x) {
        return switch (x) {
            case AX, CX, DX, BX, SP, BP, SI, DI -> 1L << x.ordinal();
            case XMM0 -> 1L << XMM;
            case XMM -> ALL_XMM;
            case ST -> ST;
            case MXCSR -> MXCSR;
            case STACK, MEMORY -> MEMORY;
            case SYSTEM -> SYSTEM;
        };
    }

    /** Adds up operands. */
    private static final class Collector {
        private final Decoded d;
        long read;
        long written;

        Collector(Decoded d) {
            this.d = d;
        }

        void implied(Uses uses) {
            for (Implied x : uses.read()) {
                read |= bits(x);
            }
            for (Implied x : uses.written()) {
                written |= bits(x);
            }
            if (uses.counts() && d.rep != 0) {
                read |= bits(Implied.CX);
                written |= bits(Implied.CX);
            }
        }

        void operand(OperandCode c, String role) {
            switch (c.kind()) {
                case REG -> general(d.reg, c, role);
                case RM, OPCODE -> general(d.rm, c, role);
                case VVVV -> general(d.vvvv, c, role);
                case XMM_VVVV -> xmm(d.vvvv, role);
                case FIXED -> register(1L << c.number(), c, role);
                case RM_OR_MEMORY -> {
                    if (d.mem) {
                        memory(role);
                    } else {
                        general(d.rm, c, role);
                    }
                }
                case XMM_REG -> xmm(d.reg, role);
                case XMM_RM, XMM_FIXED -> xmm(c.number() < 0 ? d.rm : c.number(), role);
                case XMM_RM_OR_MEMORY -> {
                    if (d.mem) {
                        memory(role);
                    } else {
                        xmm(d.rm, role);
                    }
                }
                case MMX_RM_OR_MEMORY -> {
                    if (d.mem) {
                        memory(role);
                    } else {
                        add(ST, "rw");
                    }
                }
                // Whatever it does with them: the tags of all become valid.
                case MMX_REG, MMX_RM -> add(ST, "rw");
                case MEMORY, OFFSET -> memory(role);
                case SOURCE -> string(SI, role);
                case DESTINATION -> string(DI, role);
                case SEGMENT, CONTROL -> add(SYSTEM, role);
                case X87, IMMEDIATE, TARGET, OTHER -> {}
            }
        }

        private void general(int number, OperandCode c, String role) {
            boolean one = c.bytes(d.operandSize, d.rexW) == 1;
            register(1L << (one ? d.byteRegister(number) : number), c, role);
        }

        private void register(long bit, OperandCode c, String role) {
            add(bit, role);
            if (role.equals("w") && c.bytes(d.operandSize, d.rexW) < 4) {
                read |= bit;
            }
        }

        private void xmm(int number, String role) {
            add(1L << XMM + number, role);
        }

        private void memory(String role) {
            if (role.equals("-")) {
                return;
            }
            for (int r : new int[] {d.base, d.index}) {
                if (r != VcpuContext.ZERO) {
                    read |= 1L << r;
                }
            }
            add(MEMORY, role);
        }

        private void string(int register, String role) {
            read |= 1L << register;
            add(MEMORY, role);
        }

        private void add(long bits, String role) {
            if (role.contains("r")) {
                read |= bits;
            }
            if (role.contains("w")) {
                written |= bits;
            }
        }
    }
}
