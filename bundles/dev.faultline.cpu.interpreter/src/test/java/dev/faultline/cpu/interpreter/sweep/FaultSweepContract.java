// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.cpu.interpreter.internal.InterpreterFactory;
import dev.faultline.cpu.x86.isa.InstructionTable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A sample of the fault sweep; bench/fault-sweep.sh runs all of it. */
public abstract class FaultSweepContract {
    private final VcpuEngineFactory engines;

    protected FaultSweepContract(VcpuEngineFactory engines) {
        this.engines = engines;
    }

    /** Every line of the table, in one of the modes that have it. */
    @Test
    void everyLineOnce() {
        FaultSweep s = new FaultSweep(engines, 3);
        s.sample(7);
        assertThat(s.differences).isEmpty();
        assertThat(s.cases).isEqualTo(InstructionTable.all().size());
        assertThat(s.stops()).isGreaterThan(10L * s.cases);
    }

    /** What makes many accesses, in all modes. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "CALLF",
                "CMPS",
                "ENTER",
                "FRSTOR",
                "FXSAVE",
                "INS",
                "IRET",
                "MASKMOVQ",
                "MOVS",
                "POPA",
                "PUSHA",
                "RETF"
            })
    void manyAccesses(String mnemonic) {
        FaultSweep s = new FaultSweep(engines, 3);
        s.runs = false;
        s.all(mnemonic, null, 2, 40, false);
        assertThat(s.differences).isEmpty();
        assertThat(s.cases).isPositive();
    }

    /** In the middle of blocks and at their ends, in all modes. */
    @ParameterizedTest
    @EnumSource(SweepProgram.Kind.class)
    void inBlocks(SweepProgram.Kind kind) {
        FaultSweep s = new FaultSweep(engines, 3);
        s.steps = false;
        s.only = kind;
        s.all(kind == SweepProgram.Kind.STACK ? "POP" : "CMP", null, 1, 3, false);
        s.all("MOVS", null, 1, 3, false);
        assertThat(s.differences).isEmpty();
        // Some depend on flags that another engine may have differently.
        int least = engines instanceof InterpreterFactory ? 90 : 70;
        assertThat(s.programs - s.leftOut()).isGreaterThan(least);
        assertThat(s.stops()).isGreaterThan(20L * s.programs);
    }

    @ParameterizedTest
    @EnumSource(SweepMode.class)
    void interrupts(SweepMode mode) {
        FaultSweep s = new FaultSweep(engines, 3);
        s.events(mode, 4, 1, true);
        assertThat(s.differences).isEmpty();
        assertThat(s.stops()).isPositive();
    }
}
