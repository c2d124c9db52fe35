// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.x87;

import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.semantics.Semantics;

/** Mnemonics of x87.tab to their classes. */
public final class X87Ops {
    private X87Ops() {}

    /** One line per mnemonic. */
    public static Op make(Decoded d) {
        return switch (d.mnemonic) {
            case "FADD",
                    "FSUB",
                    "FSUBR",
                    "FMUL",
                    "FDIV",
                    "FDIVR",
                    "FIADD",
                    "FISUB",
                    "FISUBR",
                    "FIMUL",
                    "FIDIV",
                    "FIDIVR",
                    "FADDP",
                    "FSUBP",
                    "FSUBRP",
                    "FMULP",
                    "FDIVP",
                    "FDIVRP" ->
                    d.mem ? Arithmetic.memory(d) : Arithmetic.register(d);
            case "FCOM", "FICOM" -> compare(d, 0);
            case "FCOMP", "FICOMP" -> compare(d, 1);
            case "FCOMPP" -> Compare.register(d, false, 2);
            case "FUCOM" -> Compare.register(d, true, 0);
            case "FUCOMP" -> Compare.register(d, true, 1);
            case "FUCOMPP" -> Compare.register(d, true, 2);
            case "FCOMI" -> Compare.toFlags(d, false, false);
            case "FCOMIP" -> Compare.toFlags(d, false, true);
            case "FUCOMI" -> Compare.toFlags(d, true, false);
            case "FUCOMIP" -> Compare.toFlags(d, true, true);
            case "FTST" -> Compare.test(d);
            case "FXAM" -> Compare.examine(d);
            case "FLD", "FILD", "FBLD" -> d.mem ? Load.memory(d, loadType(d)) : Load.register(d);
            case "FLD1", "FLDL2T", "FLDL2E", "FLDPI", "FLDLG2", "FLDLN2", "FLDZ" ->
                    Load.constant(d);
            case "FST", "FIST" -> store(d, false, false);
            case "FSTP", "FISTP", "FBSTP" -> store(d, true, false);
            case "FSTPNCE" -> Store.unchecked(d);
            case "FISTTP" -> store(d, true, true);
            case "FXCH" -> Move.exchange(d);
            case "FCMOVB",
                    "FCMOVE",
                    "FCMOVBE",
                    "FCMOVU",
                    "FCMOVNB",
                    "FCMOVNE",
                    "FCMOVNBE",
                    "FCMOVNU" ->
                    Move.conditional(d);
            case "FFREE" -> Move.free(d, false);
            case "FFREEP" -> Move.free(d, true);
            case "FINCSTP" -> Move.rotate(d, 1);
            case "FDECSTP" -> Move.rotate(d, -1);
            case "FNOP" -> Move.nop(d);
            case "FCHS" -> Function.sign(d, false);
            case "FABS" -> Function.sign(d, true);
            case "FSQRT", "FRNDINT", "F2XM1", "FSIN", "FCOS" -> Function.unary(d);
            case "FPREM", "FPREM1", "FSCALE" -> Function.binary(d);
            case "FYL2X", "FYL2XP1", "FPATAN" -> Function.popping(d);
            case "FXTRACT", "FPTAN", "FSINCOS" -> Function.pushing(d);
            default -> control(d);
        };
    }

    private static Op control(Decoded d) {
        return switch (d.mnemonic) {
            case "FNINIT" -> Control.init();
            case "FNCLEX" -> Control.clear();
            case "FLDCW" -> Control.loadControl(d);
            case "FNSTCW" -> Control.storeControl(d);
            case "FNSTSW" -> Control.storeStatus(d);
            case "FWAIT" -> Control.waitOp();
            case "FENI", "FDISI", "FSETPM" -> Control.ignored();
            case "FNSTENV" -> Environment.store(d, false);
            case "FLDENV" -> Environment.load(d, false);
            case "FNSAVE" -> Environment.store(d, true);
            case "FRSTOR" -> Environment.load(d, true);
            case "FXSAVE" -> ExtendedState.save(d);
            case "FXRSTOR" -> ExtendedState.restore(d);
            case "LDMXCSR" -> ExtendedState.loadMxcsr(d);
            case "STMXCSR" -> ExtendedState.storeMxcsr(d);
            default -> throw Semantics.unknown(d);
        };
    }

    private static Op compare(Decoded d, int pops) {
        return d.mem ? Compare.memory(d, pops != 0) : Compare.register(d, false, pops);
    }

    private static Op store(Decoded d, boolean pops, boolean truncates) {
        return d.mem ? Store.memory(d, storeType(d), pops, truncates) : Store.register(d, pops);
    }

    private static int loadType(Decoded d) {
        int digit = d.modrm >> 3 & 7;
        return switch (d.opcode) {
            case 0xD9 -> X87.F32;
            case 0xDB -> digit == 5 ? X87.F80 : X87.I32;
            case 0xDD -> X87.F64;
            default -> digit == 0 ? X87.I16 : digit == 4 ? X87.BCD : X87.I64;
        };
    }

    private static int storeType(Decoded d) {
        int digit = d.modrm >> 3 & 7;
        return switch (d.opcode) {
            case 0xD9 -> X87.F32;
            case 0xDB -> digit == 7 ? X87.F80 : X87.I32;
            case 0xDD -> digit == 1 ? X87.I64 : X87.F64;
            default -> digit == 6 ? X87.BCD : digit == 7 ? X87.I64 : X87.I16;
        };
    }
}
