// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench;

import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.cpu.interpreter.internal.LongModeVcpu;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Guest instructions that hit the translation cache, one after the other: eight in a loop of a
 * thousand turns. {@code move} has no access: what the others are compared with.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(3)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
public class MemoryAccess {
    private static final int TURNS = 1000;
    private static final int EACH = 8;

    /** The instruction: mov rcx,rax; mov rcx,[rbx]; mov [rbx],rax; add [rbx],rax. */
    public enum Kind {
        move("48 89 C1"),
        read("48 8B 0B"),
        write("48 89 03"),
        readWrite("48 01 03");

        private final String code;

        Kind(String code) {
            this.code = code;
        }
    }

    @Param public Kind kind;

    private LongModeVcpu cpu;

    @Setup
    public void setUp() {
        cpu = new LongModeVcpu("coded");
        // mov edx, TURNS; 1: eight times the instruction; dec edx; jnz 1b; hlt
        cpu.put(LongModeVcpu.CODE, "BA E8 03 00 00" + kind.code.repeat(EACH) + "FF CA 75 E4 F4");
        cpu.v.gpr[3] = LongModeVcpu.DATA;
    }

    @TearDown
    public void tearDown() {
        cpu.close();
    }

    /** Time per instruction of the kind, with its share of the loop. */
    @Benchmark
    @OperationsPerInvocation(TURNS * EACH)
    public void hit() {
        cpu.start(LongModeVcpu.CODE);
        int exit = cpu.engine.run();
        if (exit != VcpuLoop.EXIT_HALT || cpu.v.instructions != 2 + (EACH + 2) * TURNS) {
            throw new IllegalStateException(
                    "exit " + exit + " after " + cpu.v.instructions + " instructions");
        }
    }
}
