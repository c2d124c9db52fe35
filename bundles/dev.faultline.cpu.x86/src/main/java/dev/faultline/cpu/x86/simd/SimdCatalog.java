// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.simd;

import java.util.HashMap;
import java.util.Map;

/**
 * The packed operations by mnemonic, in lower case. Asked when instruction tables are built, never
 * while guests run. Immutable after class initialisation.
 */
public final class SimdCatalog {
    private static final Map<String, LaneOp> LANES = new HashMap<>();
    private static final Map<String, LaneOp> SHIFTS = new HashMap<>();
    private static final Map<String, LaneOp> MMX = new HashMap<>();
    private static final Map<String, WideOp> WIDE = new HashMap<>();
    private static final Map<String, FpOp> FP = new HashMap<>();

    static {
        LANES.put("pand", PackedInt::pand);
        LANES.put("pandn", PackedInt::pandn);
        LANES.put("por", PackedInt::por);
        LANES.put("pxor", PackedInt::pxor);
        LANES.put("paddb", PackedInt::paddb);
        LANES.put("paddw", PackedInt::paddw);
        LANES.put("paddd", PackedInt::paddd);
        LANES.put("paddq", PackedInt::paddq);
        LANES.put("psubb", PackedInt::psubb);
        LANES.put("psubw", PackedInt::psubw);
        LANES.put("psubd", PackedInt::psubd);
        LANES.put("psubq", PackedInt::psubq);
        LANES.put("paddsb", PackedInt::paddsb);
        LANES.put("paddsw", PackedInt::paddsw);
        LANES.put("paddusb", PackedInt::paddusb);
        LANES.put("paddusw", PackedInt::paddusw);
        LANES.put("psubsb", PackedInt::psubsb);
        LANES.put("psubsw", PackedInt::psubsw);
        LANES.put("psubusb", PackedInt::psubusb);
        LANES.put("psubusw", PackedInt::psubusw);
        LANES.put("pcmpeqb", PackedInt::pcmpeqb);
        LANES.put("pcmpeqw", PackedInt::pcmpeqw);
        LANES.put("pcmpeqd", PackedInt::pcmpeqd);
        LANES.put("pcmpeqq", PackedInt::pcmpeqq);
        LANES.put("pcmpgtb", PackedInt::pcmpgtb);
        LANES.put("pcmpgtw", PackedInt::pcmpgtw);
        LANES.put("pcmpgtd", PackedInt::pcmpgtd);
        LANES.put("pcmpgtq", PackedInt::pcmpgtq);
        LANES.put("pminub", PackedInt::pminub);
        LANES.put("pmaxub", PackedInt::pmaxub);
        LANES.put("pminsb", PackedInt::pminsb);
        LANES.put("pmaxsb", PackedInt::pmaxsb);
        LANES.put("pminuw", PackedInt::pminuw);
        LANES.put("pmaxuw", PackedInt::pmaxuw);
        LANES.put("pminsw", PackedInt::pminsw);
        LANES.put("pmaxsw", PackedInt::pmaxsw);
        LANES.put("pminsd", PackedInt::pminsd);
        LANES.put("pmaxsd", PackedInt::pmaxsd);
        LANES.put("pminud", PackedInt::pminud);
        LANES.put("pmaxud", PackedInt::pmaxud);
        LANES.put("pmullw", PackedInt::pmullw);
        LANES.put("pmulhw", PackedInt::pmulhw);
        LANES.put("pmulhuw", PackedInt::pmulhuw);
        LANES.put("pmulhrsw", PackedInt::pmulhrsw);
        LANES.put("pmulld", PackedInt::pmulld);
        LANES.put("pmuludq", PackedInt::pmuludq);
        LANES.put("pmuldq", PackedInt::pmuldq);
        LANES.put("pmaddwd", PackedInt::pmaddwd);
        LANES.put("pmaddubsw", PackedInt::pmaddubsw);
        LANES.put("pavgb", PackedInt::pavgb);
        LANES.put("pavgw", PackedInt::pavgw);
        LANES.put("psadbw", PackedInt::psadbw);
        LANES.put("psignb", PackedInt::psignb);
        LANES.put("psignw", PackedInt::psignw);
        LANES.put("psignd", PackedInt::psignd);
        LANES.put("pabsb", PackedInt::pabsb);
        LANES.put("pabsw", PackedInt::pabsw);
        LANES.put("pabsd", PackedInt::pabsd);
        SHIFTS.put("psllw", PackedInt::psllw);
        SHIFTS.put("pslld", PackedInt::pslld);
        SHIFTS.put("psllq", PackedInt::psllq);
        SHIFTS.put("psrlw", PackedInt::psrlw);
        SHIFTS.put("psrld", PackedInt::psrld);
        SHIFTS.put("psrlq", PackedInt::psrlq);
        SHIFTS.put("psraw", PackedInt::psraw);
        SHIFTS.put("psrad", PackedInt::psrad);
        MMX.put("packsswb", PackedShapes::packsswb);
        MMX.put("packuswb", PackedShapes::packuswb);
        MMX.put("packssdw", PackedShapes::packssdw);
        MMX.put("punpcklbw", PackedShapes::punpcklbw);
        MMX.put("punpckhbw", PackedShapes::punpckhbw);
        MMX.put("punpcklwd", PackedShapes::punpcklwd);
        MMX.put("punpckhwd", PackedShapes::punpckhwd);
        MMX.put("punpckldq", PackedShapes::punpckldq);
        MMX.put("punpckhdq", PackedShapes::punpckhdq);
        MMX.put("phaddw", PackedShapes::phaddw);
        MMX.put("phaddd", PackedShapes::phaddd);
        MMX.put("phaddsw", PackedShapes::phaddsw);
        MMX.put("phsubw", PackedShapes::phsubw);
        MMX.put("phsubd", PackedShapes::phsubd);
        MMX.put("phsubsw", PackedShapes::phsubsw);
        MMX.put("pshufb", PackedShapes::pshufb);
    }

    static {
        WIDE.put("packsswb", PackedWide::packsswb);
        WIDE.put("packuswb", PackedWide::packuswb);
        WIDE.put("packssdw", PackedWide::packssdw);
        WIDE.put("packusdw", PackedWide::packusdw);
        WIDE.put("punpcklbw", PackedWide::punpcklbw);
        WIDE.put("punpckhbw", PackedWide::punpckhbw);
        WIDE.put("punpcklwd", PackedWide::punpcklwd);
        WIDE.put("punpckhwd", PackedWide::punpckhwd);
        WIDE.put("punpckldq", PackedWide::punpckldq);
        WIDE.put("punpckhdq", PackedWide::punpckhdq);
        WIDE.put("punpcklqdq", PackedWide::punpcklqdq);
        WIDE.put("punpckhqdq", PackedWide::punpckhqdq);
        WIDE.put("phaddw", PackedWide::phaddw);
        WIDE.put("phaddd", PackedWide::phaddd);
        WIDE.put("phaddsw", PackedWide::phaddsw);
        WIDE.put("phsubw", PackedWide::phsubw);
        WIDE.put("phsubd", PackedWide::phsubd);
        WIDE.put("phsubsw", PackedWide::phsubsw);
        WIDE.put("pshufb", PackedWide::pshufb);
        WIDE.put("pshufd", PackedWide::pshufd);
        WIDE.put("pshuflw", PackedWide::pshuflw);
        WIDE.put("pshufhw", PackedWide::pshufhw);
        WIDE.put("shufps", PackedWide::shufps);
        WIDE.put("shufpd", PackedWide::shufpd);
        WIDE.put("palignr", PackedWide::palignr);
        WIDE.put("psrldq", PackedWide::psrldq);
        WIDE.put("pslldq", PackedWide::pslldq);
        WIDE.put("movshdup", PackedWide::movshdup);
        WIDE.put("movsldup", PackedWide::movsldup);
        WIDE.put("movddup", PackedWide::movddup);
        WIDE.put("pblendw", PackedWide::pblendw);
        WIDE.put("blendps", PackedWide::blendps);
        WIDE.put("blendpd", PackedWide::blendpd);
        WIDE.put("pblendvb", PackedWide::pblendvb);
        WIDE.put("blendvps", PackedWide::blendvps);
        WIDE.put("blendvpd", PackedWide::blendvpd);
        WIDE.put("insertps", PackedWide::insertps);
        WIDE.put("mpsadbw", PackedWide::mpsadbw);
        WIDE.put("phminposuw", PackedWide::phminposuw);
        WIDE.put("pclmulqdq", PackedWide::pclmulqdq);
        WIDE.put("unpcklps", PackedWide::punpckldq);
        WIDE.put("unpckhps", PackedWide::punpckhdq);
        WIDE.put("unpcklpd", PackedWide::punpcklqdq);
        WIDE.put("unpckhpd", PackedWide::punpckhqdq);
        WIDE.put("pmovsxbw", PackedWide.extend(8, 16, true));
        WIDE.put("pmovsxbd", PackedWide.extend(8, 32, true));
        WIDE.put("pmovsxbq", PackedWide.extend(8, 64, true));
        WIDE.put("pmovsxwd", PackedWide.extend(16, 32, true));
        WIDE.put("pmovsxwq", PackedWide.extend(16, 64, true));
        WIDE.put("pmovsxdq", PackedWide.extend(32, 64, true));
        WIDE.put("pmovzxbw", PackedWide.extend(8, 16, false));
        WIDE.put("pmovzxbd", PackedWide.extend(8, 32, false));
        WIDE.put("pmovzxbq", PackedWide.extend(8, 64, false));
        WIDE.put("pmovzxwd", PackedWide.extend(16, 32, false));
        WIDE.put("pmovzxwq", PackedWide.extend(16, 64, false));
        WIDE.put("pmovzxdq", PackedWide.extend(32, 64, false));
    }

    static {
        FP.put("adds", FpArith::addS);
        FP.put("addd", FpArith::addD);
        FP.put("subs", FpArith::subS);
        FP.put("subd", FpArith::subD);
        FP.put("muls", FpArith::mulS);
        FP.put("muld", FpArith::mulD);
        FP.put("divs", FpArith::divS);
        FP.put("divd", FpArith::divD);
        FP.put("sqrts", FpArith::sqrtS);
        FP.put("sqrtd", FpArith::sqrtD);
        FP.put("mins", FpArith::minS);
        FP.put("mind", FpArith::minD);
        FP.put("maxs", FpArith::maxS);
        FP.put("maxd", FpArith::maxD);
        FP.put("rcps", Approximation::rcp);
        FP.put("rsqrts", Approximation::rsqrt);
    }

    private SimdCatalog() {}

    private static <T> T find(Map<String, T> map, String name, String kind) {
        T op = map.get(name);
        if (op == null) {
            throw new IllegalArgumentException("no " + kind + " operation named \"" + name + "\"");
        }
        return op;
    }

    /** An operation whose quadwords are independent, for MMX and SSE alike. */
    public static LaneOp lane(String mnemonic) {
        return find(LANES, mnemonic, "lane");
    }

    /** Whether {@link #lane} knows the mnemonic. */
    public static boolean isLane(String mnemonic) {
        return LANES.containsKey(mnemonic);
    }

    /** Whether {@link #shift} knows the mnemonic. */
    public static boolean isShift(String mnemonic) {
        return SHIFTS.containsKey(mnemonic);
    }

    /** A shift of every quadword by the same count. */
    public static LaneOp shift(String mnemonic) {
        return find(SHIFTS, mnemonic, "shift");
    }

    /** The MMX form of an operation. */
    public static LaneOp mmx(String mnemonic) {
        LaneOp op = MMX.get(mnemonic);
        return op != null ? op : lane(mnemonic);
    }

    /** The 128-bit form of an operation whose halves are not independent. */
    public static WideOp wide(String mnemonic) {
        return find(WIDE, mnemonic, "wide");
    }

    /**
     * Scalar arithmetic by stem and element type: "adds" for ADDSS and ADDPS, "sqrtd" for SQRTSD
     * and SQRTPD.
     */
    public static FpOp fp(String stemAndType) {
        return find(FP, stemAndType, "floating-point");
    }
}
