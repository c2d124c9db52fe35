// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Decoded;

/** Memory operands: segment, base, index, displacement. */
final class Memory {
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
            if (f.hasSib()) {
                f.addressSize();
            }
            return direct(f, d.codeBits == 64 ? d.disp : d.disp & 0xFFFFFFFFL);
        }
        int size = f.addressSize();
        if (d.ripRelative) {
            return segment(f) + (size == 8 ? "[rip+" : "[eip+") + Operands.hex(d.disp) + "]";
        }
        String base = absolute ? "" : Register.general(d.base, size);
        String plus = absolute || index.isEmpty() ? "" : "+";
        return segment(f) + "[" + base + plus + index + displacement(d, absolute) + "]";
    }

    private static String sixteen(Decoded d) {
        String index = d.index == VcpuContext.ZERO ? "" : "+" + Register.general(d.index, 2);
        return "[" + Register.general(d.base, 2) + index + displacement(d, false) + "]";
    }

    private static String displacement(Decoded d, boolean always) {
        if (d.mod == 0 && !always) {
            return "";
        }
        return (d.disp < 0 ? "-" : "+") + Operands.hex(Math.abs(d.disp));
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
        boolean extended = f.rex(Fields.REX_X);
        if (d.index != VcpuContext.ZERO) {
            return Register.general(d.index, f.addressSize()) + "*" + factor;
        }
        assert !extended;
        boolean shown =
                factor > 1
                        || (absolute ? d.codeBits != 64 || d.addressSize == 4 : (d.base & 7) != SP);
        return shown ? (f.addressSize() == 8 ? "riz*" : "eiz*") + factor : "";
    }

    /** A segment that is an explicit override, and counts in this mode; with its colon. */
    private static String segment(Fields f) {
        if (f.d.segOverride < 0) {
            return "";
        }
        f.usedSegment = true;
        return Prefixes.segment(f.segmentPrefix) + ":";
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
        return segmentOr("ds:", f) + "[" + Register.general(SI, f.addressSize()) + "]";
    }

    /** What string instructions write; no prefix changes the segment. */
    static String destination(Fields f) {
        return "es:[" + Register.general(DI, f.addressSize()) + "]";
    }

    /** The table of XLAT. */
    static String translation(Fields f) {
        return segmentOr("ds:", f) + "[" + Register.general(3, f.addressSize()) + "]";
    }
}
