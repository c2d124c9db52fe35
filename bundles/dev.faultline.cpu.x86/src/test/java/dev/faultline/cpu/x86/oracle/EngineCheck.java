// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.oracle;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.cpu.x86.isa.Recode;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.testkit.cpu.FakeInterrupts;
import dev.faultline.testkit.cpu.NoDevices;
import dev.faultline.testkit.cpu.StoppedClock;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

/**
 * Runs vectors of 64-bit code through a translator, twice: in the second run it has the
 * translations of data that it lacked in the first. Counts those whose instruction was executed by
 * generated code; what the table leaves to Java is not run again here.
 */
final class EngineCheck implements OracleRun.Check {
    private static final byte HLT = (byte) 0xF4;

    private final VcpuEngineFactory factory;

    /** Instructions that generated code has executed. */
    private final LongSupplier generated;

    private final Map<String, long[]> left = new TreeMap<>();
    private OracleCpu cpu;
    private VcpuEngine engine;
    private long translated;
    private long faults;
    private long java;

    private EngineCheck(Object factory) {
        this.factory = (VcpuEngineFactory) factory;
        generated = (LongSupplier) factory;
    }

    /**
     * @param className of a factory with a public constructor without parameters that also counts
     *     the instructions that generated code has executed
     */
    static EngineCheck of(String className) {
        try {
            return new EngineCheck(Class.forName(className).getConstructor().newInstance());
        } catch (ReflectiveOperationException e) {
            throw new IllegalArgumentException(className + ": no engine factory", e);
        }
    }

    @Override
    public String problem(OracleCpu of, OracleVector t, Op op) {
        Row row = of.row();
        if (of.mode() != 64
                || row == null
                || row.definition.recode() == Recode.JAVA
                || meetsItself(of, t, op)) {
            java++;
            return of.run(t, op);
        }
        use(of);
        run(t);
        cpu.restore();
        long before = generated.getAsLong();
        String wrong = run(t);
        boolean faulted = cpu.v.instructions == 0;
        if (wrong.isEmpty()) {
            wrong = cpu.compared(t, faulted);
        }
        cpu.restore();
        if (generated.getAsLong() != before) {
            translated++;
        } else if (faulted) {
            faults++;
        } else {
            left.computeIfAbsent(row.mnemonic, _ -> new long[1])[0]++;
        }
        return wrong;
    }

    /**
     * Whether it would go on in itself, perhaps for ever. Where the processor does something else
     * than we do (AMD's have a rip of 16 bits after a Jcc with prefix 66), ours may.
     */
    private static boolean meetsItself(OracleCpu of, OracleVector t, Op op) {
        return t.exception == OracleVector.NONE && isIn(of, t.ripOut)
                || !of.run(t, op).isEmpty() && isIn(of, of.v.rip);
    }

    private static boolean isIn(OracleCpu of, long rip) {
        return rip - of.start >= 0 && rip - of.start < of.length();
    }

    private void use(OracleCpu of) {
        if (cpu == of) {
            return;
        }
        if (engine != null) {
            engine.close();
        }
        cpu = of;
        VcpuContext v = of.v;
        v.bus = new NoDevices();
        v.interrupts = new FakeInterrupts();
        v.clock = new StoppedClock();
        v.cpuid = factory.cpuid();
        v.bindThread(Thread.currentThread());
        v.intercepts = -1;
        engine = factory.create(v);
    }

    /**
     * Up to the HLT behind the instruction, or wherever it goes, which user code may not execute.
     *
     * @return what is wrong
     */
    private String run(OracleVector t) {
        VcpuContext v = cpu.v;
        cpu.mmu.code.fill(HLT);
        cpu.load(t);
        int from = OracleCpu.IP_OFFSET + cpu.length();
        for (int i = cpu.length(); i < t.code.length; i++) {
            cpu.mmu.code.set(ValueLayout.JAVA_BYTE, from + i - cpu.length(), HLT);
        }
        cpu.mmu.codeChanged();
        v.instructions = 0;
        int exit = engine.run();
        if (exit != VcpuLoop.EXIT_FAULT
                || v.fault.kind != PendingFault.INTERCEPTED
                || v.instructions > 1) {
            return " exit %d, fault kind %d, %d instructions"
                    .formatted(exit, v.fault.kind, v.instructions);
        }
        return "";
    }

    /** How many were run how. */
    String summary() {
        long others = left.values().stream().mapToLong(n -> n[0]).sum();
        return "%d by generated code, %d raised exceptions, %d left to the interpreter (%s), %d of rows that are Java's"
                .formatted(
                        translated,
                        faults,
                        others,
                        left.entrySet().stream()
                                .sorted((a, b) -> Long.compare(b.getValue()[0], a.getValue()[0]))
                                .limit(12)
                                .map(e -> e.getKey() + " " + e.getValue()[0])
                                .collect(Collectors.joining(", ")),
                        java);
    }
}
