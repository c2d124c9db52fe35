// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.disassembly.ExpectedTexts.Expected;
import dev.faultline.cpu.x86.isa.InstructionTable;
import dev.faultline.cpu.x86.isa.Row;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The texts are compared with objdump's by {@code bench/disassembler.sh}; here with a list. */
class DisassemblerTest {
    private final Disassembler disassembler = new Disassembler();

    @Test
    void whatIsExpected() {
        List<String> wrong = new ArrayList<>();
        for (Expected e : ExpectedTexts.all()) {
            Instruction i = disassemble(e.padded(), e.codeBits());
            boolean length = i.row() == null || i.length() == e.code().length;
            if (!i.text().equals(e.text()) || !length) {
                wrong.add(e + " -- " + i.text() + ", " + i.length() + " bytes");
            }
        }
        assertEquals(List.of(), wrong);
    }

    @Test
    void everyMnemonicIsExpected() {
        Set<String> found = new HashSet<>();
        for (Expected e : ExpectedTexts.all()) {
            Row entry = disassemble(e.padded(), e.codeBits()).row();
            if (entry != null) {
                found.add(entry.mnemonic);
            }
        }
        assertEquals(mnemonics(), found);
    }

    @Test
    void everyNameIsOneOfTheTable() {
        Set<String> mnemonics = mnemonics();
        for (String line : InstructionTable.lines(Disassembler.class, "names.tab")) {
            assertTrue(mnemonics.contains(line.split(" ")[0]), line);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {16, 32, 64})
    void everyLineHasAText(int codeBits) {
        byte[] slots = Forms.of(codeBits).bytes();
        for (int at = 0; at < slots.length; at += Slots.SIZE) {
            byte[] code = Arrays.copyOfRange(slots, at, at + Slots.SIZE);
            String text = disassemble(code, codeBits).text();
            assertTrue(text.matches("[a-z].*[^ ,]"), text);
        }
    }

    @Test
    void whatIsCutOffIsToldByNull() {
        byte[] mov = {(byte) 0x48, (byte) 0x8B, 0x44, 0x24, 0x08};
        for (int n = 0; n < mov.length; n++) {
            assertNull(disassembler.disassemble(mov, n, 64, 0));
        }
        assertNotNull(disassembler.disassemble(mov, mov.length, 64, 0));
    }

    @Test
    void whatIsTooLongIsNone() {
        byte[] code = new byte[Decoder.MAX_LENGTH + 1];
        Arrays.fill(code, (byte) 0x66);
        assertEquals(new Instruction(1, "(bad)", null), disassemble(code, 64));
    }

    @Test
    void targetsWrapAround() {
        byte[] back = {(byte) 0xEB, (byte) 0x80};
        assertEquals("jmp 0x1ff82", disassembler.disassemble(back, 2, 16, 0x10000).text());
        assertEquals("jmp 0xffffff82", disassembler.disassemble(back, 2, 32, 0).text());
        assertEquals("jmp 0xffffffffffffff82", disassembler.disassemble(back, 2, 64, 0).text());
    }

    private Instruction disassemble(byte[] code, int codeBits) {
        return disassembler.disassemble(code, code.length, codeBits, ExpectedTexts.ADDRESS);
    }

    private static Set<String> mnemonics() {
        return InstructionTable.all().stream().map(e -> e.mnemonic).collect(Collectors.toSet());
    }
}
