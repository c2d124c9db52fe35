// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.semantics.Semantics;

/** Mnemonics of integer.tab to their classes. */
public final class IntegerOps {
    private IntegerOps() {}

    /** One line per mnemonic. */
    public static Op make(Decoded d) {
        return switch (d.mnemonic) {
            case "AAA", "AAD", "AAM", "AAS", "DAA", "DAS" -> Bcd.make(d);
            case "ADC" -> Adc.make(d);
            case "ADCX", "ADOX" -> Adcx.make(d);
            case "ADD" -> Add.make(d);
            case "AND" -> And.make(d);
            case "BOUND" -> Bound.make(d);
            case "BSF", "BSR", "LZCNT" -> Bsf.make(d);
            case "BSWAP" -> Bswap.make(d);
            case "BT", "BTC", "BTR", "BTS" -> Bt.make(d);
            case "CALL" -> Call.make(d);
            case "CBW", "CWD" -> Convert.make(d);
            case "CLC", "CLD", "CMC", "LAHF", "SAHF", "SALC", "STC", "STD" -> FlagOps.make(d);
            case "CMOVCC" -> Cmovcc.make(d);
            case "CMP" -> Cmp.make(d);
            case "CMPS" -> Cmps.make(d);
            case "CMPXCHG" -> Cmpxchg.make(d);
            case "CMPXCHG8B" -> Cmpxchg8b.make(d);
            case "DEC" -> Inc.dec(d);
            case "DIV" -> Div.div(d);
            case "ENTER" -> Enter.enter(d);
            case "IDIV" -> Div.idiv(d);
            case "IMUL" -> Mul.imul(d);
            case "INC" -> Inc.inc(d);
            case "JCC" -> Jcc.make(d);
            case "JCXZ" -> Loop.jcxz(d);
            case "JMP" -> Jmp.make(d);
            case "LEA" -> Lea.make(d);
            case "LEAVE" -> Enter.leave(d);
            case "LODS" -> Lods.make(d);
            case "LOOP", "LOOPE", "LOOPNE" -> Loop.make(d);
            case "MOV" -> Mov.make(d);
            case "MOVBE" -> Movbe.make(d);
            case "MOVNTI" -> Movbe.movnti(d);
            case "MOVS" -> Movs.make(d);
            case "MOVSX", "MOVSXD" -> Movsx.make(d);
            case "MOVZX" -> Movzx.make(d);
            case "MUL" -> Mul.mul(d);
            case "NEG" -> Neg.neg(d);
            case "NOP" -> Nop.make();
            case "NOT" -> Neg.not(d);
            case "OR" -> Or.make(d);
            case "POP" -> Pop.make(d);
            case "POPA" -> Pusha.pop(d);
            case "PUSH" -> Push.make(d);
            case "PUSHA" -> Pusha.push(d);
            case "RCL", "RCR", "ROL", "ROR" -> Rotate.make(d);
            case "RET" -> Ret.make(d);
            case "SAR" -> Sar.make(d);
            case "SBB" -> Sbb.make(d);
            case "SCAS" -> Scas.make(d);
            case "SETCC" -> Setcc.make(d);
            case "SHL" -> Shl.make(d);
            case "SHLD", "SHRD" -> DoubleShift.make(d);
            case "SHR" -> Shr.make(d);
            case "STOS" -> Stos.make(d);
            case "SUB" -> Sub.make(d);
            case "TEST" -> Test.make(d);
            case "UD0", "UD1", "UD2" -> Nop.undefined(d);
            case "XADD" -> Xadd.make(d);
            case "XCHG" -> Xchg.make(d);
            case "XLAT" -> Xlat.make(d);
            case "XOR" -> Xor.make(d);
            default -> unknown(d);
        };
    }

    private static Op unknown(Decoded d) {
        throw Semantics.unknown(d);
    }
}
