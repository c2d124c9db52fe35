// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.faultline.cpu.x86.isa.CpuFeature;
import dev.faultline.cpu.x86.isa.InstructionTable;
import dev.faultline.cpu.x86.isa.MandatoryPrefix;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.Raise;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The table as a whole: every line can be chosen, has semantics, and CPUID tells of it. */
class InstructionTableTest {
    private static final MandatoryPrefix[] PREFIXES = {
        MandatoryPrefix.NP, MandatoryPrefix.P66, MandatoryPrefix.PF3, MandatoryPrefix.PF2
    };

    /**
     * What every processor has that has CPUID at all, or that no bit of it tells of: SDM 1, chapter
     * "Instruction Set Summary", up to the Pentium Pro, and the NOPs that later features reuse.
     */
    private static final Set<String> WITHOUT_A_BIT =
            words(
                    """
                    AAA AAD AAM AAS ADC ADD AND ARPL BOUND BSF BSR BSWAP BT BTC BTR BTS CALL CALLF CBW
                    CLC CLD CLI CLTS CMC CMP CMPS CMPXCHG CPUID CWD DAA DAS DEC DIV ENTER HLT IDIV IMUL
                    IN INC INS INT INT1 INT3 INTO INVD INVLPG IRET JCC JCXZ JMP JMPF LAR LDS LEA LEAVE
                    LES LFS LGDT LGS LIDT LLDT LMSW LODS LOOP LOOPE LOOPNE LSL LSS LTR MOV MOVS MOVSX
                    MOVZX MOV_FROM_CR MOV_FROM_DR MOV_FROM_SREG MOV_TO_CR MOV_TO_DR MOV_TO_SREG MUL
                    NEG NOP NOT OR OUT OUTS POP POPA POPF POP_SREG PUSH PUSHA PUSHF PUSH_SREG RCL RCR
                    RDPMC RET RETF ROL ROR SALC SAR SBB SCAS SETCC SGDT SHL SHLD SHR SHRD SIDT SLDT
                    SMSW STC STD STI STOS STR SUB TEST UD0 UD1 UD2 VERR VERW WBINVD XADD XCHG XLAT XOR
                    """);

    private static Set<String> words(String text) {
        return Arrays.stream(text.trim().split("\\s+")).collect(Collectors.toSet());
    }

    private static List<Row> lines() {
        return InstructionTable.all();
    }

    private static Row chosen(Row e, MandatoryPrefix prefix, int modrm, int codeBits) {
        for (Row c : InstructionTable.maps().candidates(e.space, e.map, e.opcode)) {
            if (c.matches(prefix, modrm, codeBits)) {
                return c;
            }
        }
        return null;
    }

    /** Whether some instruction is decoded by this line: not all are taken by lines before it. */
    private static boolean canBeChosen(Row e) {
        for (int codeBits = 32; codeBits <= 64; codeBits += 32) {
            for (MandatoryPrefix prefix : PREFIXES) {
                for (int modrm = 0; modrm < 256; modrm++) {
                    if (chosen(e, prefix, modrm, codeBits) == e) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    @Test
    void noLineIsShadowed() {
        assertEquals(List.of(), lines().stream().filter(e -> !canBeChosen(e)).toList());
    }

    /** Where two lines match the same instruction, the one that is chosen is the special case. */
    @Test
    void whereLinesOverlapTheSpecialOneIsChosen() {
        TreeSet<String> ambiguous = new TreeSet<>();
        for (Row e : lines()) {
            for (int codeBits = 32; codeBits <= 64; codeBits += 32) {
                for (MandatoryPrefix prefix : PREFIXES) {
                    for (int modrm = 0; modrm < 256; modrm++) {
                        Row c = chosen(e, prefix, modrm, codeBits);
                        if (c != e && e.matches(prefix, modrm, codeBits) && !e.covers(c)) {
                            ambiguous.add(c + " | " + e);
                        }
                    }
                }
            }
        }
        assertEquals(Set.of(), ambiguous);
    }

    /** The bytes of an instruction of this line, immediates 0. */
    private static byte[] instruction(Row e, MandatoryPrefix prefix, int modrm) {
        byte[] b = new byte[Decoder.MAX_LENGTH];
        int at = 0;
        int p = prefix.value;
        if (p != 0) {
            b[at++] = (byte) p;
        }
        if (e.map > 0) {
            b[at++] = 0x0F;
        }
        if (e.map > 1) {
            b[at++] = (byte) (e.map == 2 ? 0x38 : 0x3A);
        }
        b[at++] = (byte) e.opcode;
        b[at] = (byte) modrm;
        return b;
    }

    /** Whether the mnemonic has a class: some instruction of the line is not undefined. */
    private static boolean hasSemantics(Row e) {
        Decoder d = new Decoder();
        for (int codeBits = 32; codeBits <= 64; codeBits += 32) {
            for (MandatoryPrefix prefix : PREFIXES) {
                for (int modrm = 0; modrm < 256; modrm++) {
                    if (chosen(e, prefix, modrm, codeBits) != e) {
                        continue;
                    }
                    // Throws if no family knows the mnemonic.
                    Op op = d.decode(instruction(e, prefix, modrm), 15, codeBits, 0);
                    if (d.row() == e && !(op instanceof Raise)) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    @Test
    void everyLineHasSemantics() {
        Set<String> undefined = Set.of("UD0", "UD1", "UD2");
        assertEquals(
                List.of(),
                lines().stream()
                        .filter(e -> !undefined.contains(e.mnemonic) && !hasSemantics(e))
                        .toList());
    }

    @Test
    void everyLineHasABitOfCpuidOrNeedsNone() {
        assertEquals(
                List.of(),
                lines().stream()
                        .filter(e -> e.features.isEmpty() != WITHOUT_A_BIT.contains(e.mnemonic))
                        // Hints that were NOPs: PREFETCHh is SSE's.
                        .filter(e -> !(e.mnemonic.equals("NOP") && e.opcode == 0x18))
                        .toList());
    }

    @Test
    void everyBitOfCpuidHasLinesOrSaysHowTheProcessorActs() {
        EnumSet<CpuFeature> named = EnumSet.noneOf(CpuFeature.class);
        lines().forEach(e -> named.addAll(e.features));
        for (CpuFeature f : CpuFeature.values()) {
            assertEquals(f.encodings, named.contains(f), f.name());
        }
    }

    /** Encodings by what they are, so that a wrong feature in the table does not confirm itself. */
    @ParameterizedTest(name = "{0}: {1}")
    @CsvSource({
        "0F6FC1, MMX",
        "660F6FC1, SSE2",
        "F30F6FC1, SSE2",
        "0FE0C1, SSE",
        "660FE0C1, SSE2",
        "0FD4C1, SSE2",
        "0F10C1, SSE",
        "F30F10C1, SSE",
        "F20F10C1, SSE2",
        "0F5AC1, SSE2",
        "F20FF000, SSE3",
        "660F7CC1, SSE3",
        "DD08, FPU SSE3",
        "0F3800C1, SSSE3",
        "660F3A0FC100, SSSE3",
        "660F3810C1, SSE4_1",
        "660F3837C1, SSE4_2",
        "660F3A63C100, SSE4_2",
        "F20F38F1C1, SSE4_2",
        "660F3A44C100, PCLMULQDQ",
        "0F0D08, PREFETCHW",
        "0FC708, CX8 CX16",
        "0FAE38, CLFSH",
        "0FAEF8, SSE",
        "0FAEF0, SSE2",
        "0FC300, SSE2",
        "0FAE00, FXSR",
        "0FAE10, SSE",
        "DBE8, FPU CMOV",
        "DAC1, FPU CMOV",
        "D8C1, FPU",
        "0F44C1, CMOV",
        "0F05, SYSCALL",
        "0F34, SEP",
        "0F01F8, LM",
        "0F01F9, RDTSCP",
        "F30FC7F8, RDPID",
        "0F31, TSC",
        "0F32, MSR",
        "F30FB8C1, POPCNT",
        "F30FBDC1, LZCNT",
        "660F38F6C1, ADX",
        "0F38F000, MOVBE",
        "0F01CA, SMAP",
        "F30FAEC0, FSGSBASE",
        "9F, LAHF_LM",
        "0F1800, SSE"
    })
    void features(String code, String expected) {
        Decoder d = new Decoder();
        byte[] b = java.util.HexFormat.of().parseHex(code);
        d.decode(Arrays.copyOf(b, 15), 15, 64, 0);
        Set<String> names = d.row().features.stream().map(Enum::name).collect(Collectors.toSet());
        assertEquals(words(expected), names);
    }

    @Test
    void aGeneralLineCoversASpecialOneAndNotTheReverse() {
        Row bsr = line("0F.BD ");
        Row lzcnt = line("F3.0F.BD ");
        assertTrue(bsr.covers(lzcnt));
        assertFalse(lzcnt.covers(bsr));
        Row clac = line("NP.0F.01=CA ");
        assertFalse(line("0F.01/1:mem ").covers(clac));
        assertFalse(line("63 ", "ARPL").covers(line("63 ", "MOVSXD")));
    }

    private static Row line(String start) {
        return line(start, "");
    }

    private static Row line(String start, String mnemonic) {
        return lines().stream()
                .filter(e -> e.toString().startsWith(start) && e.mnemonic.contains(mnemonic))
                .findFirst()
                .orElseThrow();
    }
}
