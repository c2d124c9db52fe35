// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Faults;

/** Decimal adjustment: DAA DAS AAA AAS AAM AAD. SDM 2A, under their names. */
final class Bcd {
    private Bcd() {}

    static Op make(Decoded d) {
        return switch (d.mnemonic) {
            case "DAA" -> new Packed(false);
            case "DAS" -> new Packed(true);
            case "AAA" -> new Unpacked(false);
            case "AAS" -> new Unpacked(true);
            case "AAM" -> new Aam((int) d.imm & 0xFF);
            default -> new Aad((int) d.imm & 0xFF);
        };
    }

    /** Result flags of a byte, with the given AF and CF. */
    private static void flags(VcpuContext v, int al, boolean af, boolean cf) {
        v.flagRes = (byte) al;
        v.flagAux = (af ? 8 : 0) | (cf ? 3L << 62 : 0);
    }

    private static void putAl(VcpuContext v, int al) {
        v.gpr[0] = v.gpr[0] & ~0xFFL | al & 0xFF;
    }

    private static final class Packed extends Op {
        private final boolean subtract;

        Packed(boolean subtract) {
            this.subtract = subtract;
        }

        @Override
        public int execute(VcpuContext v) {
            int al = (int) v.gpr[0] & 0xFF;
            boolean oldCf = v.flagAux < 0;
            boolean cf = false;
            boolean af = (al & 0xF) > 9 || (v.flagAux & 8) != 0;
            int r = al;
            if (af) {
                r += subtract ? -6 : 6;
                cf = oldCf || r < 0 || r > 0xFF;
            }
            if (al > 0x99 || oldCf) {
                r += subtract ? -0x60 : 0x60;
                cf = true;
            } else if (!subtract) {
                cf = false;
            }
            putAl(v, r);
            flags(v, r, af, cf);
            return NEXT;
        }
    }

    private static final class Unpacked extends Op {
        private final boolean subtract;

        Unpacked(boolean subtract) {
            this.subtract = subtract;
        }

        @Override
        public int execute(VcpuContext v) {
            int ax = (int) v.gpr[0] & 0xFFFF;
            boolean adjust = (ax & 0xF) > 9 || (v.flagAux & 8) != 0;
            if (adjust) {
                ax += subtract ? -0x106 : 0x106;
            }
            ax &= 0xFF0F;
            v.gpr[0] = v.gpr[0] & ~0xFFFFL | ax;
            flags(v, ax & 0xFF, adjust, adjust);
            return NEXT;
        }
    }

    private static final class Aam extends Op {
        private final int base;

        Aam(int base) {
            this.base = base;
        }

        @Override
        public int execute(VcpuContext v) {
            if (base == 0) {
                return Faults.de(v);
            }
            int al = (int) v.gpr[0] & 0xFF;
            int low = al % base;
            v.gpr[0] = v.gpr[0] & ~0xFFFFL | al / base << 8 | low;
            flags(v, low, false, false);
            return NEXT;
        }
    }

    private static final class Aad extends Op {
        private final int base;

        Aad(int base) {
            this.base = base;
        }

        @Override
        public int execute(VcpuContext v) {
            int ax = (int) v.gpr[0];
            int al = ax + (ax >> 8 & 0xFF) * base & 0xFF;
            v.gpr[0] = v.gpr[0] & ~0xFFFFL | al;
            flags(v, al, false, false);
            return NEXT;
        }
    }
}
