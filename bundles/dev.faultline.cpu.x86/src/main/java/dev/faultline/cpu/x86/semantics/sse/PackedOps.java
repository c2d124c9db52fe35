// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.sse;

import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.InstructionTable.Entry;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.simd.LaneOp;
import dev.faultline.cpu.x86.simd.SimdCatalog;
import dev.faultline.cpu.x86.simd.WideOp;
import java.util.Locale;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Table lines of packed-integer, logic and shuffle instructions to their classes. */
final class PackedOps {
    private PackedOps() {}

    static Function<Decoded, Op> maker(Entry e) {
        Function<Decoded, Op> hot = hot(e.mnemonic);
        return hot != null ? hot : general(e);
    }

    private static @Nullable Function<Decoded, Op> hot(String mnemonic) {
        return switch (mnemonic) {
            case "PXOR", "XORPS", "XORPD" -> HotLanes.Xor::new;
            case "PAND", "ANDPS", "ANDPD" -> HotLanes.And::new;
            case "POR", "ORPS", "ORPD" -> HotLanes.Or::new;
            case "PANDN", "ANDNPS", "ANDNPD" -> HotLanes.AndNot::new;
            case "PADDB" -> HotLanes.AddBytes::new;
            case "PADDD" -> HotLanes.AddDwords::new;
            case "PADDQ" -> HotLanes.AddQuads::new;
            case "PSUBB" -> HotLanes.SubBytes::new;
            case "PSUBD" -> HotLanes.SubDwords::new;
            case "PCMPEQB" -> HotLanes.EqualBytes::new;
            case "PCMPEQW" -> HotLanes.EqualWords::new;
            case "PCMPEQD" -> HotLanes.EqualDwords::new;
            case "PCMPGTD" -> HotLanes.GreaterDwords::new;
            case "PMINUB" -> HotLanes.MinBytes::new;
            case "PUNPCKLBW" -> HotShuffles.UnpackLowBytes::new;
            case "PUNPCKLWD" -> HotShuffles.UnpackLowWords::new;
            case "PUNPCKLDQ", "UNPCKLPS" -> HotShuffles.UnpackLowDwords::new;
            case "PUNPCKLQDQ", "UNPCKLPD" -> HotShuffles.UnpackLowQuads::new;
            case "PUNPCKHQDQ", "UNPCKHPD" -> HotShuffles.UnpackHighQuads::new;
            case "PSHUFD" -> Packed.ShuffleDwords::new;
            case "PTEST" -> Packed.Test::new;
            default -> null;
        };
    }

    private static Function<Decoded, Op> general(Entry e) {
        String name = e.mnemonic.toLowerCase(Locale.ROOT);
        if (SimdCatalog.isShift(name)) {
            LaneOp op = SimdCatalog.shift(name);
            return e.operands.startsWith("U")
                    ? d -> new Packed.ShiftImmediate(d, op)
                    : d -> new Packed.Shift(d, op);
        }
        if (name.equals("psrldq") || name.equals("pslldq")) {
            boolean left = name.equals("pslldq");
            return d -> new Packed.ShiftBytes(d, left);
        }
        if (SimdCatalog.isLane(name)) {
            LaneOp op = SimdCatalog.lane(name);
            return d -> new Packed.Lanes(d, op);
        }
        WideOp op = SimdCatalog.wide(name);
        int size = sourceBytes(e);
        return d -> new Packed.Wide(d, op, size);
    }

    /** Bytes of the W operand in memory, by its size letter. */
    static int sourceBytes(Entry e) {
        String w = e.operands.split(",")[1];
        return switch (w) {
            case "Wq" -> 8;
            case "Wd" -> 4;
            case "Ww" -> 2;
            default -> 16;
        };
    }
}
