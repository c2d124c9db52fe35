// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.mmx;

import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.InstructionTable;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.simd.LaneOp;
import dev.faultline.cpu.x86.simd.SimdCatalog;
import java.util.Locale;
import java.util.function.Function;

/** Table lines of MMX instructions to their classes. */
public final class MmxOps {
    private MmxOps() {}

    /** Whether a line of sse.tab has an MMX operand (P, Q or N) and no XMM register, or is EMMS. */
    public static boolean handles(InstructionTable.Entry e) {
        boolean mm = e.operands.matches(".*[PQN][a-z].*");
        boolean xmm = e.operands.matches(".*[VWU][a-z].*");
        return switch (e.mnemonic) {
            case "EMMS", "MOVQ2DQ", "MOVDQ2Q" -> true;
            default -> mm && !xmm;
        };
    }

    /** The maker of a line's Ops; asked once per line. */
    public static Function<Decoded, Op> maker(InstructionTable.Entry e) {
        boolean toMemory = !e.operands.startsWith("P");
        return switch (e.mnemonic) {
            case "EMMS" -> MmxMoves.Emms::new;
            case "MOVQ2DQ" -> MmxMoves.ToXmm::new;
            case "MOVDQ2Q" -> MmxMoves.FromXmm::new;
            case "MASKMOVQ" -> MmxMoves.MaskMove::new;
            case "MOVNTQ" -> MmxMoves.Store::new;
            case "MOVQ" -> toMemory ? MmxMoves.Store::new : MmxMoves.Load::new;
            case "MOVD" -> toMemory ? MmxMoves.ToGpr::new : MmxMoves.FromGpr::new;
            case "PMOVMSKB" -> MmxPacked.ByteSigns::new;
            case "PEXTRW" -> MmxPacked.ExtractWord::new;
            case "PINSRW" -> MmxPacked.InsertWord::new;
            case "PSHUFW" -> d -> new MmxPacked.Immediate(d, false);
            case "PALIGNR" -> d -> new MmxPacked.Immediate(d, true);
            default -> packed(e);
        };
    }

    private static Function<Decoded, Op> packed(InstructionTable.Entry e) {
        String name = e.mnemonic.toLowerCase(Locale.ROOT);
        if (SimdCatalog.isShift(name)) {
            LaneOp op = SimdCatalog.shift(name);
            return e.operands.startsWith("N")
                    ? d -> new MmxPacked.ShiftImmediate(d, op)
                    : d -> new MmxPacked.Binary(d, op, 8);
        }
        LaneOp op = SimdCatalog.mmx(name);
        int size = e.operands.endsWith("Qd") ? 4 : 8;
        return d -> new MmxPacked.Binary(d, op, size);
    }
}
