// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How the table is read, and what is refused. */
class TableReaderTest {
    private static List<Row> read(String... lines) {
        return new TableReader(Family.INTEGER).read(List.of(lines));
    }

    @Test
    void rowsHaveTheMeaningThatStandsAboveThem() {
        List<Row> rows =
                read(
                        "ADD binary Alu.add w:OSZAPC",
                        "  00 Eb,Gb lock",
                        "  01 Ev,Gv lock",
                        "NOP = new Nop(d, 1)",
                        "  90 -");
        assertThat(rows).extracting(r -> r.mnemonic).containsExactly("ADD", "ADD", "NOP");
        Definition add = rows.get(1).definition;
        assertThat(add.shape()).isEqualTo(Shape.BINARY);
        assertThat(add.kernel()).isEqualTo("Alu.add");
        assertThat(add.flags().written()).isEqualTo(FlagEffects.STATUS);
        assertThat(rows.get(0).definition).isSameAs(add);
        Definition nop = rows.get(2).definition;
        assertThat(nop.opaque()).isTrue();
        assertThat(nop.kernel()).isEqualTo("new Nop(d, 1)");
        assertThat(nop.flags().none()).isTrue();
        assertThat(nop.number()).isEqualTo(1);
    }

    @Test
    void rowsWithTheSameOperandsAreMadeTheSameWay() {
        List<Row> rows =
                read(
                        "ADD binary Alu.add",
                        "  80/0 Eb,Ib lock",
                        "  81/0 Ev,Iz lock",
                        "  82/0 Eb,Ib i64 lock",
                        "IN = PortIo.in(d)",
                        "  E4 AL,Ib",
                        "  EC AL,DX");
        assertThat(rows).extracting(r -> r.maker).containsExactly(0, 1, 0, 2, 2);
    }

    @Test
    void whatIsUsedAndHowStandsInTheDefinition() {
        List<Row> rows =
                read(
                        "XADD (rw rw) AX:r ST:w MXCSR:rw CX:rep w:OSZAPC ends cpl0 special = X.make(d)",
                        "  00 Eb,Gb",
                        "CLC NOTHING w:C = X.make(d)",
                        "  F8 -",
                        "IRET = X.make(d)",
                        "  CF -",
                        "BLEND vector K.blend XMM0:r",
                        "  66.0F.38.10 Vdq,Wdq");
        Uses uses = rows.getFirst().definition.uses();
        assertThat(uses.roles()).containsExactly("rw", "rw");
        assertThat(uses.read()).containsExactlyInAnyOrder(Implied.AX, Implied.MXCSR);
        assertThat(uses.written()).containsExactlyInAnyOrder(Implied.ST, Implied.MXCSR);
        assertThat(uses.counts()).isTrue();
        assertThat(rows.getFirst().definition.is(Property.ENDS)).isTrue();
        assertThat(rows.getFirst().definition.is(Property.CPL0)).isTrue();
        assertThat(rows.getFirst().definition.is(Property.PROTECTED)).isFalse();
        assertThat(rows.getFirst().definition.recode()).isEqualTo(Recode.SPECIAL);
        assertThat(rows.get(1).definition.uses())
                .isEqualTo(new Uses(List.of(), Set.of(), Set.of(), false));
        assertThat(rows.get(2).definition.uses()).isNull();
        assertThat(rows.get(2).definition.recode()).isEqualTo(Recode.JAVA);
        assertThat(rows.get(3).definition.uses().read()).containsExactly(Implied.XMM0);
        assertThat(rows.get(3).definition.recode()).isEqualTo(Recode.SAME);
    }

    @Test
    void segmentRegistersOfTheOpcodeHaveTheirNumbers() {
        int number = 0;
        for (String name : List.of("ES", "CS", "SS", "DS", "FS", "GS")) {
            OperandCode c = OperandCode.of(name);
            assertThat(c.kind()).isEqualTo(OperandCode.Kind.SEGMENT);
            assertThat(c.number()).as(name).isEqualTo(number++);
        }
    }

    @Test
    void anOperandSizeThatNobodyKnowsIsRefused() {
        assertThat(OperandCode.of("Ev").bytes(2, false)).isEqualTo(2);
        assertThat(OperandCode.of("Ey").bytes(4, true)).isEqualTo(8);
        for (String code : List.of("Eq9", "Mp", "M")) {
            assertThatThrownBy(() -> OperandCode.of(code).bytes(4, false))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("operand size");
        }
    }

    @Test
    void aConditionInTheOpcodeIsSixteenRows() {
        List<Row> rows = read("JCC jump-if r:OSZPC", "  0F.80+cc Jz f64");
        assertThat(rows).hasSize(16);
        assertThat(rows).extracting(r -> r.opcode - 0x80).containsExactlyElementsOf(range(16));
        assertThat(rows).extracting(r -> r.condition).containsExactlyElementsOf(range(16));
        assertThat(rows).extracting(r -> r.maker).containsExactlyElementsOf(range(16));
    }

    @Test
    void aRegisterInTheOpcodeIsEightRowsOfOneMaker() {
        List<Row> rows = read("PUSH = Push.make(d)", "  50+r Zv d64");
        assertThat(rows).extracting(r -> r.opcode - 0x50).containsExactlyElementsOf(range(8));
        assertThat(rows).allMatch(r -> r.maker == 0 && r.condition < 0 && r.default64);
    }

    private static List<Integer> range(int n) {
        return java.util.stream.IntStream.range(0, n).boxed().toList();
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            value = {
                "  90 -                                | before the first instruction",
                "NOP                                   | no shape",
                "NOP twist Alu.add                     | unknown shape twist",
                "ADD binary                            | has a kernel",
                "SETCC set Alu.add                     | has no kernel",
                "ADD binary Alu.add x:C                | not r:, w:, u: or m:",
                "ADD binary Alu.add w:OC w:Z           | once each",
                "ADD binary Alu.add w:OQ               | flag 'Q'",
                "ADD binary Alu.add w:C u:C            | one of them",
                "ADD binary Alu.add w:C                | no encoding of: ADD",
                "ADD binary Alu.add;  00               | encoding and operands",
                "ADD binary Alu.add;  00 Eb            | has 2 operands",
                "ADD binary Alu.add;  00 Eb,Gb locked  | unknown attribute locked",
                "ADD binary Alu.add;  00 Eb,Gb SSE5    | unknown attribute SSE5",
                "ADD binary Alu.add;  00 Eb,Gb PAE     | unknown attribute PAE",
                "ADD binary Alu.add;  00.01 Eb,Gb      | bad encoding",
                "ADD binary Alu.add;  00+q Eb,Gb       | +r or +cc expected",
                "MOV move;  88 Eb,Gb lock              | knows no LOCK",
                "SETCC set;  0F.90 Eb                  | go together",
                "MOV move;  88+cc Eb,Gb                | go together",
                "MOV (w r) move                        | unknown shape (w",
                "ADD binary Alu.add (rw r)             | has the roles",
                "XADD (rw w = X.make(d)                | between parentheses",
                "XADD (rw x) = X.make(d)               | roles are r, w",
                "XADD AX:x = X.make(d)                 | ends with :r, :w or :rw",
                "XADD AX:r AX:rw = X.make(d)           | AX stands twice",
                "XADD EAX:r = X.make(d)                | EAX is none of",
                "XADD (rw) = X.make(d);  00 Eb,Gb      | there are more",
                "XADD same = X.make(d)                 | not what it uses",
                "ADD binary Alu.add;  00 Eb,Kb         | unknown operand code in: 00 ADD",
                "ADD binary Alu.add;  VEX.64.NP.0F.W0.58 Gy,Ey  | 128, 256, 512, LIG or LZ",
                "ADD binary Alu.add;  VEX.128.0F.W0.58 Gy,Ey    | NP, 66, F3 or F2 expected",
                "ADD binary Alu.add;  VEX.128.NP.0F.58 Gy,Ey    | W0, W1 or WIG expected",
                "ADD binary Alu.add;  VEX.128.NP.W0.58 Gy,Ey    | bad encoding",
                "ADD binary Alu.add;  VEX.128.NP.0F Gy,Ey       | expected after VEX",
                "ADD binary Alu.add;  0F.5G Gy,Ey               | two hexadecimal digits",
                "XADD (rw rw r) = X.make(d);  00 Eb,Gb | more roles than operands",
                "XADD (rw rw) same guard = X.make(d);  00 Eb,Gb | stands twice",
                "XADD sometimes = X.make(d)            | \"sometimes\" is not",
            })
    void whatMakesNoSenseIsRefused(String lines, String message) {
        // The first column loses its leading blanks; a row is what begins with a digit or VEX.
        String[] each = lines.split("; ");
        for (int i = 0; i < each.length; i++) {
            each[i] = each[i].trim().matches("(VEX\\.|\\d).*") ? "  " + each[i] : each[i];
        }
        assertThatThrownBy(() -> read(each))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining(message);
    }

    private static Row row(String line) {
        String[] c = line.split(" ", 3);
        return InstructionTable.rows(c[1], c[0] + " " + c[2]).getFirst();
    }

    @ParameterizedTest(name = "{0}, then {1}")
    @CsvSource({
        "1F POP_SREG DS i64, 1F POP_SREG DS i64, true", // twice
        "0F.C3:mem MOVNTI My, NP.0F.C3:mem MOVNTI My, true",
        "NP.0F.C3:mem MOVNTI My, 0F.C3:mem MOVNTI My, false",
        "0F.AE FENCE E, NP.0F.AE/5:reg LFENCE -, true",
        "0F.AE/5 FENCE E, NP.0F.AE/5:reg LFENCE -, true",
        "0F.AE/5:mem XRSTOR M, NP.0F.AE/5:reg LFENCE -, false",
        "0F.AE/6 FENCE E, NP.0F.AE/5:reg LFENCE -, false",
        "63 ARPL Ew i64, 63 MOVSXD Gv o64, false",
        "0F.01=CA CLAC -, NP.0F.01=CA CLAC -, false", // the later one is looked at first
        "NP.0F.01=CA CLAC -, 0F.01=CA CLAC -, true",
        "0F.01/1 SIDT M, 0F.01=CA CLAC -, false",
    })
    void aRowThatIsNeverChosenIsRefused(String before, String line, boolean refused) {
        Row[] old = {row(before)};
        Row e = row(line);
        if (refused) {
            assertThatThrownBy(() -> OpcodeMaps.refuseShadowed(old, e))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(before)
                    .hasMessageContaining(line);
        } else {
            OpcodeMaps.refuseShadowed(old, e);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"r:O w:SZ u:A m:C", "m:C u:A r:O w:SZ"})
    void flagsInAnyOrder(String words) {
        FlagEffects f = FlagEffects.parse(List.of(words.split(" ")), words);
        assertThat(f).isEqualTo(new FlagEffects(0x800, 0xC0, 0x10, 1));
        assertThat(f.changed()).isEqualTo(0xD1);
    }
}
