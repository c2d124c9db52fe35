// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.sse;

import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.InstructionTable.Entry;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.simd.FpArith;
import dev.faultline.cpu.x86.simd.FpConvert;
import dev.faultline.cpu.x86.simd.FpOp;
import dev.faultline.cpu.x86.simd.FpPacked;
import dev.faultline.cpu.x86.simd.FpWideOp;
import dev.faultline.cpu.x86.simd.SimdCatalog;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Table lines of floating-point instructions to their classes. */
final class FloatingOps {
    private FloatingOps() {}

    /**
     * @return null if the line is no floating-point instruction
     */
    static @Nullable Function<Decoded, Op> maker(Entry e) {
        return switch (e.mnemonic) {
            case "ADDSD" -> HotScalars.AddDouble::new;
            case "SUBSD" -> HotScalars.SubDouble::new;
            case "MULSD" -> HotScalars.MulDouble::new;
            case "DIVSD" -> HotScalars.DivDouble::new;
            case "ADDSS" -> HotScalars.AddSingle::new;
            case "SUBSS" -> HotScalars.SubSingle::new;
            case "MULSS" -> HotScalars.MulSingle::new;
            case "DIVSS" -> HotScalars.DivSingle::new;
            case "SQRTPS", "SQRTPD", "SQRTSS", "SQRTSD" -> arithmetic(e);
            case "ADDPS", "ADDPD", "SUBPS", "SUBPD", "MULPS", "MULPD", "DIVPS", "DIVPD" ->
                    arithmetic(e);
            case "MINPS", "MINPD", "MINSS", "MINSD", "MAXPS", "MAXPD", "MAXSS", "MAXSD" ->
                    arithmetic(e);
            case "RCPPS", "RCPSS", "RSQRTPS", "RSQRTSS" -> arithmetic(e);
            case "CMPPS", "CMPSS" -> byImmediate(e, 8, FpArith::compareS);
            case "CMPPD", "CMPSD" -> byImmediate(e, 8, FpArith::compareD);
            case "ROUNDPS", "ROUNDSS" -> byImmediate(e, 16, FpConvert::roundS);
            case "ROUNDPD", "ROUNDSD" -> byImmediate(e, 16, FpConvert::roundD);
            case "UCOMISS" -> d -> new Floating.Compare(d, false, false);
            case "COMISS" -> d -> new Floating.Compare(d, false, true);
            case "UCOMISD" -> d -> new Floating.Compare(d, true, false);
            case "COMISD" -> d -> new Floating.Compare(d, true, true);
            case "DPPS" -> d -> new Floating.DotProduct(d, false);
            case "DPPD" -> d -> new Floating.DotProduct(d, true);
            case "ADDSUBPS" -> wide(FpPacked::addSubPs, 16);
            case "ADDSUBPD" -> wide(FpPacked::addSubPd, 16);
            case "HADDPS", "HSUBPS" -> {
                FpOp op = SimdCatalog.fp(e.mnemonic.startsWith("HADD") ? "adds" : "subs");
                yield wide((m, x, d, lo, hi) -> FpPacked.horizontalPs(op, m, x, d, lo, hi), 16);
            }
            case "HADDPD", "HSUBPD" -> {
                FpOp op = SimdCatalog.fp(e.mnemonic.startsWith("HADD") ? "addd" : "subd");
                yield wide((m, x, d, lo, hi) -> FpPacked.horizontalPd(op, m, x, d, lo, hi), 16);
            }
            default -> e.mnemonic.startsWith("CVT") ? conversion(e) : null;
        };
    }

    private static Function<Decoded, Op> wide(FpWideOp op, int size) {
        return d -> new Floating.Wide(d, op, size);
    }

    /** xxxPS, xxxPD, xxxSS, xxxSD around one scalar operation. */
    private static Function<Decoded, Op> arithmetic(Entry e) {
        String n = e.mnemonic.toLowerCase(Locale.ROOT);
        int stem = n.length() - 2;
        return shaped(e, SimdCatalog.fp(n.substring(0, stem) + n.charAt(stem + 1)));
    }

    private static Function<Decoded, Op> shaped(Entry e, FpOp op) {
        String shape = e.mnemonic.substring(e.mnemonic.length() - 2);
        return switch (shape) {
            case "PS" -> wide((m, x, d, lo, hi) -> FpPacked.ps(op, m, x, d, lo, hi), 16);
            case "PD" -> wide((m, x, d, lo, hi) -> FpPacked.pd(op, m, x, d, lo, hi), 16);
            case "SS" -> d -> new Floating.ScalarSingle(d, op, 4);
            case "SD" -> d -> new Floating.ScalarDouble(d, op, 8);
            default -> throw new IllegalStateException("shape of table line: " + e);
        };
    }

    /** Operations that the low bits of the immediate choose. */
    private static Function<Decoded, Op> byImmediate(Entry e, int count, IntFunction<FpOp> ops) {
        List<Function<Decoded, Op>> makers =
                IntStream.range(0, count).mapToObj(i -> shaped(e, ops.apply(i))).toList();
        return d -> makers.get((int) d.imm & count - 1).apply(d);
    }

    private static Function<Decoded, Op> conversion(Entry e) {
        return switch (e.mnemonic) {
            case "CVTPI2PS" -> d -> new Converts.FromMmx(d, true);
            case "CVTPI2PD" -> d -> new Converts.FromMmx(d, false);
            case "CVTPS2PI" -> d -> new Converts.ToMmx(d, true, false);
            case "CVTTPS2PI" -> d -> new Converts.ToMmx(d, true, true);
            case "CVTPD2PI" -> d -> new Converts.ToMmx(d, false, false);
            case "CVTTPD2PI" -> d -> new Converts.ToMmx(d, false, true);
            case "CVTSI2SS" -> d -> new Converts.FromGpr(d, true);
            case "CVTSI2SD" ->
                    d ->
                            d.mem || d.rexW
                                    ? new Converts.FromGpr(d, false)
                                    : new Converts.FromGpr32(d);
            case "CVTSS2SI" -> d -> new Converts.ToGpr(d, true, false);
            case "CVTTSS2SI" -> d -> new Converts.ToGpr(d, true, true);
            case "CVTSD2SI" -> d -> new Converts.ToGpr(d, false, false);
            case "CVTTSD2SI" -> d -> new Converts.ToGpr(d, false, true);
            case "CVTSS2SD" -> d -> new Floating.ScalarDouble(d, FpConvert::floatToDouble, 4);
            case "CVTSD2SS" -> d -> new Floating.ScalarSingle(d, FpConvert::doubleToFloat, 8);
            case "CVTPS2PD" -> wide(Converts.lengthen(FpConvert::floatToDouble), 8);
            case "CVTDQ2PD" -> wide(Converts.lengthen(FpConvert::int32ToDouble), 8);
            case "CVTPD2PS" -> wide(Converts.shorten(FpConvert::doubleToFloat), 16);
            case "CVTPD2DQ" -> wide(Converts.shorten(FpConvert::doubleToInt32), 16);
            case "CVTTPD2DQ" -> wide(Converts.shorten(FpConvert::truncateDoubleToInt32), 16);
            case "CVTDQ2PS" -> packedSingles(FpConvert::int32ToFloat);
            case "CVTPS2DQ" -> packedSingles(FpConvert::floatToInt32);
            case "CVTTPS2DQ" -> packedSingles(FpConvert::truncateFloatToInt32);
            default -> throw new IllegalStateException("no semantics for table line: " + e);
        };
    }

    private static Function<Decoded, Op> packedSingles(FpOp op) {
        return wide((m, x, d, lo, hi) -> FpPacked.ps(op, m, x, d, lo, hi), 16);
    }
}
