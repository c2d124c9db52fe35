// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Decoded;

/** Memory operands: segment, base, index, displacement. */
final class Memory {
    private static final int BX = 3;
    private static final int SI = 6;
    private static final int DI = 7;
    private static final int SP = 4;

    private Memory() {}

    /** That of ModR/M, without its size. */
    static String of(Fields f) {
        Decoded d = f.d;
        f.rex(Fields.REX_B);
        boolean absolute = d.base == VcpuContext.ZERO && !d.ripRelative;
        if (d.addressSize == 2) {
            f.addressSize();
            return absolute ? direct(f, d.disp & 0xFFFF) : segment(f) + sixteen(d);
        }
        String index = index(f, absolute);
        if (absolute && index.isEmpty()) {
            return direct(f, d.codeBits == 64 ? d.disp : d.disp & 0xFFFFFFFFL);
        }
        if (d.ripRelative) {
            String rip = f.addressSize() == 8 ? "[rip+" : "[eip+";
            return segment(f) + rip + Operands.hex(d.disp) + "]";
        }
        if (absolute) {
            return segment(f) + "[" + index + signed(withoutRegisters(d)) + "]";
        }
        String base = Register.general(d.base, f.addressSize());
        String plus = index.isEmpty() ? "" : "+";
        return segment(f) + "[" + base + plus + index + displacement(d) + "]";
    }

    /** In 64-bit mode 67 makes an address without registers a positive one. */
    private static long withoutRegisters(Decoded d) {
        boolean none = d.index == VcpuContext.ZERO && d.codeBits == 64 && d.addressSize == 4;
        return none ? d.disp & 0xFFFFFFFFL : d.disp;
    }

    private static String sixteen(Decoded d) {
        String index = d.index == VcpuContext.ZERO ? "" : "+" + Register.general(d.index, 2);
        return "[" + Register.general(d.base, 2) + index + displacement(d) + "]";
    }

    private static String displacement(Decoded d) {
        return d.mod == 0 ? "" : signed(d.disp);
    }

    private static String signed(long displacement) {
        return (displacement < 0 ? "-" : "+") + Operands.hex(Math.abs(displacement));
    }

    /**
     * The index and its factor. One that is none is written where the encoding would be another
     * without it: as EIZ or RIZ.
     */
    private static String index(Fields f, boolean absolute) {
        if (!f.hasSib()) {
            return "";
        }
        Decoded d = f.d;
        int factor = 1 << (f.sib() >> 6);
        f.rex(Fields.REX_X);
        if (d.index != VcpuContext.ZERO) {
            return Register.general(d.index, f.addressSize()) + "*" + factor;
        }
        boolean other = absolute ? notDirect(f) : (d.base & 7) != SP;
        f.usedAddressSize |= absolute && d.codeBits != 16;
        return factor > 1 || other ? (d.addressSize == 8 ? "riz*" : "eiz*") + factor : "";
    }

    /** Whether an address in a SIB byte without registers would be taken for one without it. */
    private static boolean notDirect(Fields f) {
        return f.d.codeBits == 64 ? f.d.addressSize == 4 : f.d.codeBits == 32;
    }

    /** A segment that is an explicit override, and counts in this mode; with its colon. */
    private static String segment(Fields f) {
        if (f.d.segOverride < 0 || f.notrack) {
            return "";
        }
        f.usedSegment = true;
        return Operands.segmentRegister(f.d.segOverride) + ":";
    }

    private static String segmentOr(String otherwise, Fields f) {
        String s = segment(f);
        return s.isEmpty() ? otherwise : s;
    }

    private static String direct(Fields f, long address) {
        return segmentOr("ds:", f) + Operands.hex(address);
    }

    /** The absolute offset of MOV. */
    static String offset(Fields f) {
        return direct(f, f.d.disp);
    }

    /** What string instructions read. */
    static String source(Fields f) {
        return implied(SI, f);
    }

    /** What string instructions write; no prefix changes the segment. */
    static String destination(Fields f) {
        return "es:[" + Register.general(DI, f.addressSize()) + "]";
    }

    /** The table of XLAT. */
    static String translation(Fields f) {
        return implied(BX, f);
    }

    /** Its segment is always written, so that no segment prefix is left. */
    private static String implied(int register, Fields f) {
        String s = segmentOr("ds:", f) + "[" + Register.general(register, f.addressSize()) + "]";
        f.usedSegment = true;
        return s;
    }
}
