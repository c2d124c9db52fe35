// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.integer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.state.Outcome;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Opcode 90: NOP, PAUSE, or XCHG with R8. */
class XchgTest {
    @ParameterizedTest(name = "{0}: rax {1}, r8 {2}")
    @CsvSource({
        "90, 1111111122222222, 3333333344444444",
        "4890, 1111111122222222, 3333333344444444",
        "f390, 1111111122222222, 3333333344444444", // PAUSE
        "f34890, 1111111122222222, 3333333344444444",
        "4190, 44444444, 22222222",
        "f34190, 44444444, 22222222", // no PAUSE
        "f24190, 44444444, 22222222",
        "f34990, 3333333344444444, 1111111122222222",
        "f3664190, 1111111122224444, 3333333344442222",
    })
    void opcode90(String code, String rax, String r8) {
        VcpuContext v = new VcpuContext(0);
        v.gpr[0] = 0x1111_1111_2222_2222L;
        v.gpr[8] = 0x3333_3333_4444_4444L;
        byte[] bytes = Arrays.copyOf(HexFormat.of().parseHex(code), Decoder.MAX_LENGTH);
        assertEquals(Outcome.NEXT, new Decoder().decode(bytes, bytes.length, 64, 0).execute(v));
        assertEquals(Long.parseLong(rax, 16), v.gpr[0]);
        assertEquals(Long.parseLong(r8, 16), v.gpr[8]);
    }
}
