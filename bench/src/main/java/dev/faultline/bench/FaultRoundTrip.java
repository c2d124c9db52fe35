// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench;

import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.cpu.interpreter.internal.LongModeVcpu;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a stopped store costs in each fault style, from entering the engine to leaving it. The guest
 * stores one word and halts.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(3)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
public class FaultRoundTrip {
    private static final long PAGE = LongModeVcpu.DATA >>> 12;

    @Param({"coded", "thrown"})
    public String style;

    /** Instructions before the store. */
    @Param({"0", "20"})
    public int before;

    private LongModeVcpu cpu;
    private ProtectionLayer rights;

    @Setup
    public void setUp() {
        cpu = new LongModeVcpu(style);
        rights = cpu.protection.userLayer();
        cpu.put(LongModeVcpu.CODE, "48 FF C0".repeat(before) + "48 89 03 F4");
        cpu.v.gpr[3] = LongModeVcpu.DATA;
    }

    @TearDown
    public void tearDown() {
        cpu.close();
    }

    private void run(int expected) {
        int exit = cpu.engine.run();
        if (exit != expected) {
            throw new IllegalStateException("exit " + exit + ", expected " + expected);
        }
    }

    /** The page stays open: what the others are compared with. */
    @Benchmark
    public void noFault() {
        cpu.start(LongModeVcpu.CODE);
        run(VcpuLoop.EXIT_HALT);
    }

    /** The page stays closed: in, stopped, out. */
    @Benchmark
    public void faultAndLeave() {
        rights.protectPage(PAGE, Rights.R);
        cpu.start(LongModeVcpu.CODE);
        run(VcpuLoop.EXIT_FAULT);
    }

    /** Stopped, the page is opened, the store is done again, the page is closed. */
    @Benchmark
    public void faultOpenResumeClose() {
        rights.protectPage(PAGE, Rights.R);
        cpu.start(LongModeVcpu.CODE);
        run(VcpuLoop.EXIT_FAULT);
        rights.protectPage(PAGE, Rights.RWX);
        run(VcpuLoop.EXIT_HALT);
    }
}
