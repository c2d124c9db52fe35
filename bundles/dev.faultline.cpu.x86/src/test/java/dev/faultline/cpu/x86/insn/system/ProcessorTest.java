// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.faultline.cpu.x86.state.Faults;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** RDPID. SDM 2B, "RDPID-Read Processor ID". */
class ProcessorTest {
    @ParameterizedTest(name = "{0}")
    @CsvSource({"f3 0fc7f8, 0", "f3 480fc7f8, 0", "f3 410fc7fa, 10", "66f3 0fc7f8, 0"})
    void rdpidTellsTscAux(String code, int register) {
        Rig r = new Rig().long64(3).code(code);
        r.v.gpr[register] = -1;
        r.v.tscAux = 0x8000_0003L;
        r.step();
        assertEquals(0x8000_0003L, r.v.gpr[register]);
    }

    @ParameterizedTest
    @ValueSource(strings = {"f3 0fc73b", "f0f3 0fc7f8"})
    void rdpidOfMemoryOrWithLockIsUndefined(String code) {
        assertEquals(Faults.UD, new Rig().long64(3).code(code).raises());
    }
}
