// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.cpu.x86.isa.InstructionTable;
import dev.faultline.cpu.x86.isa.OpcodeMaps;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Raise;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * VEX and EVEX prefixes, by rows that the table does not have yet: an instruction with one needs
 * nothing of the decoder. What the bytes mean is binutils' word.
 */
class VexTest {
    private static Stream<Row> rows(String mnemonic, String line) {
        return InstructionTable.rows(mnemonic, line).stream();
    }

    private static final OpcodeMaps MAPS =
            new OpcodeMaps(
                    Stream.of(
                                    rows("VADDPS128", "VEX.128.NP.0F.WIG.58 Vps,Hps,Wps"),
                                    rows("VADDPS256", "VEX.256.NP.0F.WIG.58 Vps,Hps,Wps"),
                                    rows("VADDSS", "VEX.LIG.F3.0F.WIG.58 Vss,Hss,Wss"),
                                    rows("VADDPD512", "EVEX.512.66.0F.W1.58 Vpd,Hpd,Wpd"),
                                    rows("VMOVAPS", "VEX.128.NP.0F.WIG.28 Vps,Wps"),
                                    rows("ANDN", "VEX.LZ.NP.0F.38.WIG.F2 Gy,By,Ey"),
                                    rows("VPERM2F128", "VEX.256.66.0F.3A.W0.06 Vdq,Hdq,Wdq,Ib"),
                                    rows("LDS", "C5:mem Gz,Mp"))
                            .flatMap(s -> s)
                            .toList());

    private static Decoded fields(String hex, int bits) {
        byte[] code = HexFormat.of().parseHex(hex.replace(" ", ""));
        Decoded d = new Decoder(MAPS).fields(code, code.length, bits);
        assertThat(d).as(hex).isNotNull();
        return d;
    }

    @ParameterizedTest(name = "{0} in {1}-bit code: {2}")
    @CsvSource({
        // code, mode, mnemonic, vector length, W, reg, vvvv, rm
        "C5 F4 58 C2,          64, VADDPS256, 1, false, 0, 1, 2",
        "C5 F0 58 C2,          64, VADDPS128, 0, false, 0, 1, 2",
        "C5 34 58 C2,          64, VADDPS256, 1, false, 8, 9, 2",
        "C4 41 34 58 C2,       64, VADDPS256, 1, false, 8, 9, 10",
        "C5 F2 58 C2,          64, VADDSS,    0, false, 0, 1, 2",
        "C5 F6 58 C2,          64, VADDSS,    1, false, 0, 1, 2",
        "C5 F8 28 CA,          64, VMOVAPS,   0, false, 1, 0, 2",
        "C4 E2 F0 F2 C3,       64, ANDN,      0, true,  0, 1, 3",
        "C4 62 70 F2 C3,       64, ANDN,      0, false, 8, 1, 3",
        "C4 E3 75 06 C2 31,    64, VPERM2F128,1, false, 0, 1, 2",
        "62 F1 F5 48 58 C2,    64, VADDPD512, 2, true,  0, 1, 2",
        // As many registers as there are
        "C5 F4 58 C2,          32, VADDPS256, 1, false, 0, 1, 2",
        "C4 E2 30 F2 C3,       32, ANDN,      0, false, 0, 1, 3",
        "C4 E2 70 F2 C3,       16, ANDN,      0, false, 0, 1, 3",
    })
    void fieldsOfRegisters(
            String hex,
            int bits,
            String mnemonic,
            int length,
            boolean w,
            int reg,
            int vvvv,
            int rm) {
        Decoded d = fields(hex, bits);
        assertThat(d.row.mnemonic).isEqualTo(mnemonic);
        assertThat(d.length).isEqualTo(length);
        assertThat(d.rexW).isEqualTo(w);
        assertThat(List.of(d.reg, d.vvvv, d.rm)).containsExactly(reg, vvvv, rm);
        assertThat(d.end).isEqualTo(hex.replace(" ", "").length() / 2);
        assertThat(d.mem).isFalse();
    }

    @Test
    void memoryAndImmediates() {
        // vperm2f128 ymm9, ymm1, [r8 + r10 * 4 + 0x10], 0x31
        Decoded d = fields("C4 03 75 06 4C 90 10 31", 64);
        assertThat(d.row.mnemonic).isEqualTo("VPERM2F128");
        assertThat(List.of(d.reg, d.vvvv, d.base, d.index, d.scale))
                .containsExactly(9, 1, 8, 10, 2);
        assertThat(d.disp).isEqualTo(0x10);
        assertThat(d.imm).isEqualTo(0x31);
        assertThat(d.end).isEqualTo(8);
    }

    @ParameterizedTest(name = "{0} in {1}-bit code")
    @CsvSource({
        "66 C5 F4 58 C2,    64", // SDM 2A, "VEX Prefix": 66, F2, F3, LOCK or REX before it is #UD
        "F2 C5 F4 58 C2,    64",
        "F3 C5 F4 58 C2,    64",
        "F0 C5 F4 58 C2,    64",
        "48 C5 F4 58 C2,    64",
        "C5 F0 28 CA,       64", // vvvv names a register, and there is no operand
        "C5 FC 28 CA,       64", // 256 bits
        "C4 E3 F5 06 C2 31, 64", // W1
        "C4 E4 70 F2 C3,    64", // map 4
        "C4 FF 70 F2 C3,    64", // map 31
        "C4 E0 70 F2 C3,    64", // map 0
        "62 F9 F5 48 58 C2, 64", // a fixed bit of EVEX is set
        "62 F1 F1 48 58 C2, 64", // and one is not
        "62 F1 75 48 58 C2, 64", // W0
        "C5 F4 59 C2,       64", // no row
    })
    void whatDoesNotExist(String hex, int bits) {
        assertThat(fields(hex, bits).exists()).isFalse();
    }

    @Test
    void outsideOf64BitModeMemoryMakesIt() {
        assertThat(fields("C5 34 24", 32).row.mnemonic).isEqualTo("LDS");
        assertThat(new Decoder().fields(HexFormat.of().parseHex("6202"), 2, 32).row.mnemonic)
                .isEqualTo("BOUND");
    }

    /** The length of what cannot be fetched is asked after any instruction. */
    @Test
    void nothingOfThePrefixIsLeftForTheNextInstruction() {
        Decoder decoder = new Decoder();
        byte[] vex = HexFormat.of().parseHex("C5F458C20000000000000000000000");
        byte[] mov = HexFormat.of().parseHex("48C7C044332211");
        decoder.decode(vex, vex.length, 64, 0);
        assertThat(decoder.length(mov, mov.length, 64)).isEqualTo(7);
        decoder.decode(vex, vex.length, 64, 0);
        assertThat(decoder.fields(mov, mov.length, 64).row.mnemonic).isEqualTo("MOV");
        decoder.decode(vex, vex.length, 64, 0);
        assertThat(decoder.decode(mov, mov.length, 64, 0)).isNotInstanceOf(Raise.class);
    }

    @Test
    void bytesThatAreMissingAreToldByNull() {
        byte[] code = HexFormat.of().parseHex("C4E37506C231");
        for (int n = 1; n < code.length; n++) {
            assertThat(new Decoder(MAPS).fields(code, n, 64)).as("%d bytes", n).isNull();
        }
    }

    @Test
    void aRowOfEachLengthIsNoneTooMany() {
        Row any = InstructionTable.rows("VADDPS", "VEX.LIG.NP.0F.WIG.58 Vps,Hps,Wps").getFirst();
        Row one = InstructionTable.rows("VADDPS", "VEX.256.NP.0F.W1.58 Vps,Hps,Wps").getFirst();
        Row other = InstructionTable.rows("VADDPS", "VEX.256.NP.0F.W0.58 Vps,Hps,Wps").getFirst();
        Row old = InstructionTable.rows("ADDPS", "NP.0F.58 Vps,Wps").getFirst();
        assertThat(new OpcodeMaps(List.of(one, other, old))).isNotNull();
        assertThatThrownBy(() -> new OpcodeMaps(List.of(any, one)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("never chosen");
    }
}
