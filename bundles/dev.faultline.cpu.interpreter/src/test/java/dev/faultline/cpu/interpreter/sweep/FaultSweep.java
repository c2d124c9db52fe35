// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.sweep;

import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.cpu.interpreter.internal.InterpreterFactory;
import dev.faultline.cpu.x86.isa.InstructionTable;
import dev.faultline.cpu.x86.isa.Row;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * The fault sweep: every line of the instruction table, in every mode that has it, with every
 * access stopped by protection. See docs/howto/fault-sweep.md.
 */
public final class FaultSweep {
    private final SweepMachine machine;
    private final Sweeper sweeper;
    private final BlockSweeper blocks;
    private final MemorySegment image = Arena.ofAuto().allocate(SweepMachine.RAM, 4096);
    private final Random random = new Random(9);
    private final Map<String, Integer> perMnemonic = new TreeMap<>();

    /** Descriptions of the cases that differ. */
    final List<String> differences = new ArrayList<>();

    /** Table lines times modes. */
    int forms;

    int cases;

    /** Cases that were run in blocks too. */
    int programs;

    /** Lines and modes of which no program was run: all were left out. */
    final List<String> without = new ArrayList<>();

    private final int shown;

    /** The only kind of program wanted, or null for all of them. */
    SweepProgram.Kind only;

    /** Whether single instructions, and whether programs, are wanted. */
    boolean steps = true;

    boolean runs = true;

    FaultSweep(VcpuEngineFactory engines, int shown) {
        this.shown = shown;
        machine = new SweepMachine(engines);
        sweeper = new Sweeper(machine, engines);
        blocks = new BlockSweeper(machine, engines instanceof InterpreterFactory);
    }

    long runs() {
        return sweeper.runs + blocks.runs;
    }

    long stops() {
        return sweeper.stops + blocks.stops;
    }

    /** Programs that do not end, or depend on undefined flags, and were not run in blocks. */
    int leftOut() {
        return blocks.endless + blocks.undefined;
    }

    /** One case: the instruction alone, then in a program. */
    void one(SweepMode mode, Row e, long seed, boolean full) {
        if (steps) {
            SweepCase c = new SweepCase(mode, e, seed, image).make(machine.v);
            cases++;
            report(e, c.toString(), () -> sweeper.sweep(c, full));
        }
        if (runs) {
            SweepProgram.Kind[] kinds = SweepProgram.Kind.values();
            program(mode, e, seed, only != null ? only : kinds[random.nextInt(kinds.length)], full);
        }
    }

    private void program(SweepMode mode, Row e, long seed, SweepProgram.Kind kind, boolean full) {
        SweepCase c = new SweepCase(mode, e, seed, image).make(machine.v);
        SweepProgram p = new SweepProgram(c, allowed(c, kind));
        programs++;
        report(e, c + " " + p, () -> blocks.sweep(c, p, full));
    }

    /**
     * A REP that writes to decoded code leaves its block after each iteration, and then an
     * interrupt may come, as it may on hardware; stepping has no blocks.
     */
    private static SweepProgram.Kind allowed(SweepCase c, SweepProgram.Kind kind) {
        boolean pending =
                kind == SweepProgram.Kind.SHADOW_STI || kind == SweepProgram.Kind.SHADOW_SS;
        boolean overCode = Math.abs(c.destination() - SweepMode.CODE - 0x1000) < 0x1800;
        return pending && c.repeated && overCode ? SweepProgram.Kind.PLAIN : kind;
    }

    private void report(Row e, String what, Supplier<String> sweep) {
        String d;
        try {
            d = sweep.get();
        } catch (RuntimeException | AssertionError x) {
            StackTraceElement[] at = x.getStackTrace();
            d = x + (at.length > 0 ? " " + at[0] + " " + at[Math.min(1, at.length - 1)] : "");
        }
        if (!d.isEmpty()) {
            int n = perMnemonic.merge(e.mnemonic, 1, Integer::sum);
            if (n <= shown) {
                differences.add(what + ": " + d);
            }
        }
    }

    /** Cases that differ. */
    int different() {
        return perMnemonic.values().stream().mapToInt(Integer::intValue).sum();
    }

    /** {@code count} cases of every line in every mode, with seeds from {@code seed} on. */
    void all(String mnemonic, SweepMode only, int count, long seed, boolean full) {
        for (Row e : InstructionTable.all()) {
            if (mnemonic != null && !mnemonic.equals(e.mnemonic)) {
                continue;
            }
            for (SweepMode mode : SweepMode.values()) {
                if ((only == null || only == mode) && SweepCase.exists(e, mode)) {
                    forms++;
                    int ran = programs - leftOut();
                    for (int i = 0; i < count; i++) {
                        one(mode, e, seed + i, full);
                    }
                    if (runs && programs - leftOut() == ran) {
                        without.add(e.mnemonic + " " + e.operands + " " + mode);
                    }
                }
            }
        }
    }

    /** One case of every line, in one of its modes; of every fifth in a program too. */
    void sample(long seed) {
        int i = 0;
        int lines = 0;
        for (Row e : InstructionTable.all()) {
            SweepMode mode = SweepMode.values()[i++ % SweepMode.values().length];
            while (!SweepCase.exists(e, mode)) {
                mode = SweepMode.values()[i++ % SweepMode.values().length];
            }
            forms++;
            runs = lines++ % 5 == 0;
            one(mode, e, seed, false);
        }
        runs = true;
    }

    /** External interrupts and NMIs in front of a NOP. */
    void events(SweepMode mode, int count, long seed, boolean full) {
        Row nop =
                InstructionTable.all().stream()
                        .filter(e -> e.mnemonic.equals("NOP"))
                        .findFirst()
                        .orElseThrow();
        for (int i = 0; i < count; i++) {
            machine.nmi = i % 4 == 3;
            machine.vector = 0x20 + i % 16;
            one(mode, nop, seed + i, full);
        }
        forms++;
        machine.nmi = false;
        machine.vector = -1;
    }

    public static void main(String[] args) {
        System.exit(run(new InterpreterFactory(), List.of(args)));
    }

    /**
     * The whole sweep of an engine's.
     *
     * @return exit code: 0 if nothing differs
     */
    public static int run(VcpuEngineFactory engines, List<String> args) {
        int count = 8;
        long seed = 1;
        int shown = 3;
        String mnemonic = null;
        SweepMode mode = null;
        SweepProgram.Kind kind = null;
        String what = "all";
        for (int i = 0; i + 1 < args.size(); i += 2) {
            String value = args.get(i + 1);
            switch (args.get(i)) {
                case "--cases" -> count = Integer.parseInt(value);
                case "--seed" -> seed = Long.parseLong(value);
                case "--mnemonic" -> mnemonic = value;
                case "--mode" -> mode = SweepMode.valueOf(value);
                case "--show" -> shown = Integer.parseInt(value);
                case "--program" -> kind = SweepProgram.Kind.valueOf(value);
                case "--what" -> what = value;
                default ->
                        throw new IllegalArgumentException(
                                args.get(i)
                                        + ": expected --engine, --threshold (of the translator),"
                                        + " --cases, --seed, --mnemonic, --mode, --show, --program"
                                        + " or --what");
            }
        }
        if (args.size() % 2 != 0) {
            throw new IllegalArgumentException(args.getLast() + " needs a value");
        }
        // clock: printed, no verdict
        long began = System.nanoTime();
        FaultSweep s = new FaultSweep(engines, shown);
        s.only = kind;
        s.steps = !what.equals("programs");
        s.runs = !what.equals("single");
        s.all(mnemonic, mode, count, seed, true);
        for (SweepMode m : SweepMode.values()) {
            if (mnemonic == null && (mode == null || mode == m)) {
                s.events(m, 2 * count, seed, true);
            }
        }
        // clock: printed, no verdict
        s.print(System.out, (System.nanoTime() - began) / 1_000_000_000L);
        return s.different() == 0 && s.cases + s.programs > 0 ? 0 : 1;
    }

    private void print(PrintStream out, long seconds) {
        differences.forEach(out::println);
        perMnemonic.forEach((k, n) -> out.println(k + ": " + n + " cases differ"));
        if (!without.isEmpty()) {
            out.println(without.size() + " forms in no program: " + String.join(", ", without));
        }
        out.printf(
                "%d forms (lines x modes), %d cases, %d programs in blocks (%d more do not end, %d"
                        + " depend on undefined flags), %d runs, %d exits, 4 regimes, 2 styles, %d"
                        + " differences, %d s%n",
                forms,
                cases,
                programs - leftOut(),
                blocks.endless,
                blocks.undefined,
                runs(),
                stops(),
                different(),
                seconds);
    }
}
