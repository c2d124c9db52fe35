// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.oracle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The committed vectors of a real CPU. OracleSelect made them; see CONTRIBUTING, "The instruction
 * oracle".
 */
class OracleTest {
    @ParameterizedTest
    @ValueSource(ints = {64, 32, 16})
    void agreesWithTheCpu(int mode) throws IOException {
        compare(mode, OracleCpu::run);
    }

    /**
     * Any access may be stopped by RAM protection: nothing has changed then, and the restart ends
     * as if nothing had happened.
     */
    @ParameterizedTest
    @ValueSource(ints = {64, 32, 16})
    void agreesAfterEveryStoppedAccess(int mode) throws IOException {
        compare(mode, OracleCpu::runStopped);
    }

    /** Which flags each instruction reads and writes. */
    @ParameterizedTest
    @ValueSource(ints = {64, 32, 16})
    void usesFlagsAsTheTableSays(int mode) throws IOException {
        compare(mode, (cpu, t, op) -> new FlagUse(cpu).run(t, op));
    }

    /** Which registers each instruction reads and writes, and whether memory. */
    @ParameterizedTest
    @ValueSource(ints = {64, 32, 16})
    void usesRegistersAsTheTableSays(int mode) throws IOException {
        compare(mode, RegisterUseCheck::run);
    }

    private static void compare(int mode, OracleRun.Check check) throws IOException {
        OracleRun run = new OracleRun(null, null, 3);
        run.check = check;
        try (InputStream in =
                OracleTest.class.getResourceAsStream("/oracle/vectors" + mode + ".gz")) {
            assertNotNull(in, "vectors" + mode + ".gz is missing");
            run.run(in);
        }
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        run.report(new PrintStream(text), 50);
        assertTrue(run.comparedCount() > 5000, "only " + run.comparedCount() + " vectors");
        assertEquals(0, run.mismatchCount(), text::toString);
        assertEquals(0, run.explainedCount(), text::toString);
    }
}
