// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** System instructions that CPUID does not claim are undefined, also in ring 0. */
class UnclaimedTest {
    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "VMCALL, 0f01c1",
        "VMLAUNCH, 0f01c2",
        "VMRUN, 0f01d8",
        "MONITOR, 0f01c8",
        "MWAIT, 0f01c9",
        "XGETBV, 0f01d0",
        "XSETBV, 0f01d1",
        "RSM, 0faa",
        "GETSEC, 0f37",
        "VMREAD, 0f78c0",
        "INVPCID, 660f388200",
        "RDRAND, 0fc7f0",
        "RDSEED, 0fc7f8",
        "XSAVE, 0fae20",
        "ENCLU, 0f01d7",
        "LES, c400",
        "ERETU, f30f01ca",
        "ERETS, f20f01ca",
        "CLAC with 66, 660f01ca",
        "STAC with 66, 660f01cb",
        "STAC with F2, f20f01cb",
        "STAC with F3, f30f01cb",
        "MOVNTI with 66, 660fc300",
        "LDMXCSR with 66, 660fae10",
        "EMMS with F3, f30f77",
        "MFENCE with F2 (UMWAIT), f20faef0",
        "PADDB of MMX registers with F2, f20ffcc0",
        "MOVBE with F3, f30f38f000",
        "SERIALIZE, 0f01e8",
        "RDPKRU, 0f01ee",
        "CLWB, 660fae30",
        "CLFLUSHOPT, 660fae38",
    })
    void undefined(String name, String code) {
        assertEquals(6, new Rig().long64(0).code(code).raises());
    }
}
