// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.sse;

import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.InstructionTable;
import dev.faultline.cpu.x86.InstructionTable.Entry;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.semantics.Semantics;
import dev.faultline.cpu.x86.semantics.mmx.MmxOps;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Table lines of sse.tab to their classes: chosen once per line, so that decoding is one lookup.
 */
public final class SseOps {
    private static final Map<Entry, Function<Decoded, Op>> MAKERS = new IdentityHashMap<>();

    static {
        for (Entry e : InstructionTable.all()) {
            if (e.family == InstructionTable.Family.SSE) {
                MAKERS.put(e, MmxOps.handles(e) ? MmxOps.maker(e) : maker(e));
            }
        }
    }

    private SseOps() {}

    public static Op make(Decoded d) {
        Function<Decoded, Op> maker = MAKERS.get(d.entry);
        if (maker == null) {
            throw Semantics.unknown(d);
        }
        return maker.apply(d);
    }

    private static Function<Decoded, Op> maker(Entry e) {
        Function<Decoded, Op> f = moves(e);
        if (f == null) {
            f = registerFree(e);
        }
        if (f == null) {
            f = elements(e);
        }
        if (f == null) {
            f = FloatingOps.maker(e);
        }
        return f != null ? f : PackedOps.maker(e);
    }

    private static @Nullable Function<Decoded, Op> moves(Entry e) {
        boolean load = e.operands.startsWith("V");
        return switch (e.mnemonic) {
            case "MOVAPS", "MOVAPD", "MOVDQA", "MOVNTPS", "MOVNTPD", "MOVNTDQ", "MOVNTDQA" ->
                    load ? d -> Moves.load(d, true) : d -> Moves.store(d, true);
            case "MOVUPS", "MOVUPD", "MOVDQU", "LDDQU" ->
                    load ? d -> Moves.load(d, false) : d -> Moves.store(d, false);
            case "MOVSS" -> load ? SseOps::loadSingle : SseOps::storeSingle;
            case "MOVSD" -> load ? SseOps::loadDouble : SseOps::storeDouble;
            case "MOVQ" -> load ? Moves.LoadQuad::new : SseOps::storeQuad;
            case "MOVD" -> load ? Moves.FromGpr::new : Moves.ToGpr::new;
            case "MOVLPS", "MOVLPD" ->
                    load ? d -> new Moves.LoadHalf(d, 0) : d -> new Moves.StoreHalf(d, 0);
            case "MOVHPS", "MOVHPD" ->
                    load ? d -> new Moves.LoadHalf(d, 1) : d -> new Moves.StoreHalf(d, 1);
            case "MOVHLPS" -> d -> new Moves.CopyHalf(d, d.reg * 2, d.rm * 2 + 1, -1);
            case "MOVLHPS" -> d -> new Moves.CopyHalf(d, d.reg * 2 + 1, d.rm * 2, -1);
            case "MASKMOVDQU" -> Moves.MaskMove::new;
            default -> null;
        };
    }

    private static Op loadSingle(Decoded d) {
        return d.mem ? new Moves.LoadSingle(d) : new Moves.CopySingle(d, d.reg, d.rm);
    }

    private static Op storeSingle(Decoded d) {
        return d.mem ? new Moves.StoreSingle(d) : new Moves.CopySingle(d, d.rm, d.reg);
    }

    private static Op loadDouble(Decoded d) {
        return d.mem ? new Moves.LoadQuad(d) : new Moves.CopyHalf(d, d.reg * 2, d.rm * 2, -1);
    }

    private static Op storeDouble(Decoded d) {
        return d.mem ? new Moves.StoreHalf(d, 0) : new Moves.CopyHalf(d, d.rm * 2, d.reg * 2, -1);
    }

    private static Op storeQuad(Decoded d) {
        return d.mem
                ? new Moves.StoreHalf(d, 0)
                : new Moves.CopyHalf(d, d.rm * 2, d.reg * 2, d.rm * 2 + 1);
    }

    private static @Nullable Function<Decoded, Op> registerFree(Entry e) {
        return switch (e.mnemonic) {
            case "PREFETCHW" -> d -> new Miscellany.Hint();
            case "LFENCE", "MFENCE", "SFENCE" -> d -> new Miscellany.Fence();
            case "CLFLUSH" -> Miscellany.FlushLine::new;
            case "POPCNT" -> Miscellany.PopulationCount::new;
            case "CRC32" -> {
                boolean bytes = e.operands.endsWith("Eb");
                yield d -> new Miscellany.Crc32(d, bytes);
            }
            default -> null;
        };
    }

    private static @Nullable Function<Decoded, Op> elements(Entry e) {
        return switch (e.mnemonic) {
            case "PINSRB" -> d -> new Elements.Insert(d, 1);
            case "PINSRW" -> d -> new Elements.Insert(d, 2);
            case "PINSRD" -> d -> new Elements.Insert(d, d.rexW ? 8 : 4);
            case "PEXTRB" -> d -> new Elements.Extract(d, 1);
            case "PEXTRW" ->
                    e.map == 1 ? Elements.ExtractWord::new : d -> new Elements.Extract(d, 2);
            case "PEXTRD" -> d -> new Elements.Extract(d, d.rexW ? 8 : 4);
            case "EXTRACTPS" -> d -> new Elements.Extract(d, 4);
            case "INSERTPS" -> Elements.InsertSingle::new;
            case "PMOVMSKB" -> Elements.ByteSigns::new;
            case "MOVMSKPS" -> d -> new Elements.ElementSigns(d, false);
            case "MOVMSKPD" -> d -> new Elements.ElementSigns(d, true);
            case "PCMPESTRM" -> d -> new StringCompares(d, true, false);
            case "PCMPESTRI" -> d -> new StringCompares(d, true, true);
            case "PCMPISTRM" -> d -> new StringCompares(d, false, false);
            case "PCMPISTRI" -> d -> new StringCompares(d, false, true);
            default -> null;
        };
    }
}
