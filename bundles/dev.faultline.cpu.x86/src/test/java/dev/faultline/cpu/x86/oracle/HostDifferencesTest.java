// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.oracle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.op.Op;
import java.io.IOException;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What the comparison forgives, and that it forgives no more: committed vectors, changed as another
 * host would have made them.
 */
class HostDifferencesTest {
    /** A vector and the means to compare it. */
    private record Found(OracleFile file, OracleCpu cpu, OracleVector t, Op op) {
        String problem() {
            return cpu.run(t, op);
        }

        Row row() {
            return cpu.row();
        }

        String reason(String vendor) {
            String problem = problem();
            assertFalse(problem.isEmpty(), "nothing differs");
            return HostDifferences.reason(vendor, file, t, row(), problem);
        }
    }

    /** The first committed vector without an exception for which {@code wanted} holds. */
    private static Found find(int mode, String mnemonic, Predicate<OracleVector> wanted)
            throws IOException {
        OracleFile file =
                new OracleFile(
                        HostDifferencesTest.class.getResourceAsStream(
                                "/oracle/vectors" + mode + ".gz"));
        OracleCpu cpu = new OracleCpu(file);
        for (OracleVector t = file.next(); t != null; t = file.next()) {
            Op op = cpu.decode(t);
            if (t.exception == OracleVector.NONE
                    && cpu.row() != null
                    && cpu.row().mnemonic.equals(mnemonic)
                    && wanted.test(t)) {
                Found f = new Found(file, cpu, t, op);
                assertEquals("", f.problem());
                return f;
            }
        }
        throw new AssertionError("no vector of " + mnemonic + " in " + mode + " bits");
    }

    @ParameterizedTest(name = "{0} written, {1} read")
    @CsvSource({"fffffffffffffffe, 0, true", "fffffffffffffffe, 1, false", "1000, 0, false"})
    void anUpperGsBaseMayBeReadAsNone(String written, String read, boolean known)
            throws IOException {
        Found f = find(64, "WRGSBASE", t -> (t.code[t.length - 4] & 0xF8) == 0x48);
        int r = f.t.code[f.t.length - 1] & 7 | (f.t.code[f.t.length - 4] & 1) << 3;
        f.t.gprIn[r] = Long.parseUnsignedLong(written, 16);
        f.t.gprOut[r] = f.t.gprIn[r];
        f.t.gsOut = Long.parseLong(read);
        assertEquals(known, f.reason("amd") != null);
    }

    @ParameterizedTest
    @CsvSource({"16, MOV", "32, ADD"})
    void upperHalvesAreNoStateOutside64BitMode(int mode, String mnemonic) throws IOException {
        Found f = find(mode, mnemonic, t -> true);
        f.t.gprOut[4] |= 0xFFFF_FF61L << 32;
        assertEquals("", f.problem());
        f.t.gprOut[4] ^= 2;
        assertTrue(f.problem().contains(" r4="), f.problem());
        assertNull(f.reason("amd"));
    }

    @ParameterizedTest(name = "{0}: {1} do not count, {2} does")
    @CsvSource({"AAA, 8C4, 1", "AAS, 8C4, 10", "DAA, 800, 80", "DAS, 800, 4"})
    void undefinedFlagsOfDecimalInstructions(String mnemonic, String undefined, String defined)
            throws IOException {
        Found f = find(32, mnemonic, t -> true);
        f.t.flagsOut ^= Long.parseLong(undefined, 16);
        assertEquals("", f.problem());
        f.t.flagsOut ^= Long.parseLong(defined, 16);
        assertTrue(f.problem().contains(" flags("), f.problem());
    }

    @ParameterizedTest
    @CsvSource({"RCPSS", "RSQRTSS"})
    void approximationsMayDifferByTwiceTheirError(String mnemonic) throws IOException {
        Found f = find(64, mnemonic, t -> changedRegister(t) >= 0 && normal(t));
        int i = changedRegister(f.t);
        long exact = f.t.out.xmm[i];
        f.t.out.xmm[i] = exact + (1 << 11);
        assertEquals("", f.problem());
        assertEquals(1, f.cpu.lastBitDifferences());
        f.t.out.xmm[i] = exact + (1 << 15);
        assertTrue(f.problem().contains(" xmm"), f.problem());
    }

    private static int changedRegister(OracleVector t) {
        for (int i = 0; i < 32; i += 2) {
            if (t.out.xmm[i] != t.in.xmm[i]) {
                return i;
            }
        }
        return -1;
    }

    private static boolean normal(OracleVector t) {
        float x = Math.abs(Float.intBitsToFloat((int) t.out.xmm[changedRegister(t)]));
        return x > 1e-30f && x < 1e30f;
    }

    @Test
    void nearBranchesWith66AreExplainedOnAmdOnly() throws IOException {
        Found f = find(64, "JMP", t -> t.code[0] == 0x66 && t.ripOut >>> 16 != 0);
        f.t.ripOut &= 0xFFFF;
        assertNotNull(f.reason("amd"));
        assertNull(f.reason("intel"));
        // The same difference without the prefix is a mismatch.
        Found plain = find(64, "JMP", t -> t.code[0] == (byte) 0xE9);
        plain.t.ripOut &= 0xFFFF;
        assertNull(plain.reason("amd"));
    }

    @Test
    void resultOfALongDoubleShiftOf16BitsIsUndefined() throws IOException {
        Found f =
                find(
                        16,
                        "SHLD",
                        t ->
                                t.code[0] == 0x0F
                                        && (t.code[1] & 0xFF) == 0xA5
                                        && (t.gprIn[1] & 31) > 16
                                        && wroteRegister(t) >= 0);
        f.t.gprOut[wroteRegister(f.t)] ^= 0x10;
        assertNotNull(f.reason("intel"));
        Found wide =
                find(64, "SHLD", t -> t.code[0] == 0x0F && t.pieces == 0 && wroteRegister(t) > 0);
        wide.t.gprOut[wroteRegister(wide.t)] ^= 0x10;
        assertNull(wide.reason("amd"));
    }

    private static int wroteRegister(OracleVector t) {
        for (int i = 0; i < 16; i++) {
            if (t.gprIn[i] != t.gprOut[i]) {
                return i;
            }
        }
        return -1;
    }

    @Test
    void aTrapThatTheHostTurnsIntoAProtectionFaultIsExplained() throws IOException {
        Found f = find(64, "XOR", t -> VcpuContext.canonical(t.gprIn[4]));
        f.t.exception = 13;
        assertNull(f.reason("amd"));
        f.t.gprIn[4] = 1L << 47;
        assertNotNull(f.reason("amd"));
        assertNotNull(f.reason("intel"));
    }

    @Test
    void whichFaultOfAMisalignedOperandComesFirstIsExplainedOnAmdOnly() throws IOException {
        OracleFile file =
                new OracleFile(
                        HostDifferencesTest.class.getResourceAsStream("/oracle/vectors64.gz"));
        OracleCpu cpu = new OracleCpu(file);
        OracleVector t = file.next();
        while (t.exception != 17) {
            t = file.next();
        }
        Found f = new Found(file, cpu, t, cpu.decode(t));
        assertEquals("", f.problem());
        t.exception = 13;
        assertNotNull(f.reason("amd"));
        assertNull(f.reason("intel"));
        t.exception = 14;
        assertNotNull(f.reason("intel"), "the order of #AC and #PF is open");
        t.exception = 12;
        assertNotNull(f.reason("amd"));
        assertNull(f.reason("intel"));
        t.exception = 6;
        assertNull(f.reason("amd"));
    }

    @Test
    void oneInTheLastPlaceMayCrossAPowerOfTwo() throws IOException {
        Found f = find(64, "FSIN", t -> powerOfTwo(t) >= 0);
        int i = powerOfTwo(f.t);
        f.t.out.significand[i] = -1;
        f.t.out.exponent[i]--;
        assertEquals("", f.problem());
        f.t.out.significand[i] = -2;
        assertFalse(f.problem().isEmpty());
        f.t.out.significand[i] = Long.MIN_VALUE;
        assertFalse(f.problem().isEmpty());
    }

    /** Number of a register that holds one, or -1. */
    private static int powerOfTwo(OracleVector t) {
        for (int i = 0; i < 8; i++) {
            if (t.out.significand[i] == Long.MIN_VALUE && t.out.exponent[i] << 1 != 0xFFFE) {
                return i;
            }
        }
        return -1;
    }

    @Test
    void aWrongResultIsNotExplained() throws IOException {
        Found f = find(64, "IMUL", t -> wroteRegister(t) >= 0);
        f.t.gprOut[wroteRegister(f.t)] ^= 1;
        assertNull(f.reason("amd"));
        assertNull(f.reason("intel"));
    }
}
