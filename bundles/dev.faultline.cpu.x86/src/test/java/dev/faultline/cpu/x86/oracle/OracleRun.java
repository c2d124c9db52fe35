// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.oracle;

import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.op.Op;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Runs files of oracle vectors and reports what differs.
 *
 * <pre>
 * OracleRun FILE... [--family INTEGER|STACK|BRANCH|STRING|BITS|SYSTEM|X87|MMX|SSE] [--mnemonic NAME] [--max-report N] [--samples N] [--stopped]
 *     [--vendor intel|amd] [--engine-factory CLASS]
 * </pre>
 *
 * With --engine-factory, 64-bit vectors are run by an engine: see {@link EngineCheck}. With
 * --stopped, RAM protection stops each access of each instruction once, and the instruction is
 * executed again.
 */
public final class OracleRun {
    private final String family;
    private final String mnemonic;
    private final int samplesPerLine;
    private long compared;
    private final Map<String, long[]> comparedByFamily = new TreeMap<>();
    private long filtered;
    private long lastBits;
    private final Map<String, long[]> mismatches = new TreeMap<>();
    private final Map<String, List<String>> samples = new TreeMap<>();
    private final Map<String, long[]> skipped = new TreeMap<>();

    /** Vectors that differ for a reason that is written down, by reason. */
    private final Map<String, long[]> explained = new TreeMap<>();

    /** Whose processor made the vectors: "intel" or "amd". */
    String vendor = "intel";

    /** What is looked at of a vector. */
    interface Check {
        /**
         * @return what is wrong; empty if nothing is
         */
        String problem(OracleCpu cpu, OracleVector t, Op op);
    }

    /** Whether it agrees with the processor, unless another is set. */
    Check check = OracleCpu::run;

    OracleRun(String family, String mnemonic, int samplesPerLine) {
        this.family = family;
        this.mnemonic = mnemonic;
        this.samplesPerLine = samplesPerLine;
    }

    /** Exits 1 if anything differs. */
    public static void main(String[] args) throws IOException {
        String family = null;
        String mnemonic = null;
        int max = 40;
        int perLine = 3;
        boolean stopped = false;
        EngineCheck engine = null;
        String vendor = HostDifferences.hostVendor();
        List<String> files = new ArrayList<>();
        for (int i = 0; i < args.length; i++) {
            switch (args[i]) {
                case "--family" -> family = args[++i];
                case "--mnemonic" -> mnemonic = args[++i];
                case "--max-report" -> max = Integer.parseInt(args[++i]);
                case "--stopped" -> stopped = true;
                case "--engine-factory" -> engine = EngineCheck.of(args[++i]);
                case "--vendor" -> vendor = args[++i];
                case "--samples" -> perLine = Integer.parseInt(args[++i]);
                default -> files.add(args[i]);
            }
        }
        if (files.isEmpty()) {
            System.err.println(
                    "usage: OracleRun FILE... [--family F] [--mnemonic M] [--max-report N]"
                            + " [--samples N]");
            System.exit(2);
        }
        long bad = 0;
        for (String f : files) {
            OracleRun run = new OracleRun(family, mnemonic, perLine);
            run.check = engine != null ? engine : stopped ? OracleCpu::runStopped : OracleCpu::run;
            run.vendor = vendor;
            try (InputStream in = Files.newInputStream(Path.of(f))) {
                run.run(in);
            }
            System.out.println(f + ": " + run.summary());
            run.report(System.out, max);
            bad += run.mismatchCount();
        }
        if (engine != null) {
            System.out.println(engine.summary());
        }
        System.exit(bad == 0 ? 0 : 1);
    }

    /** Runs all vectors of a file; totals add up over calls. */
    void run(InputStream in) throws IOException {
        try (OracleFile file = new OracleFile(in)) {
            OracleCpu cpu = new OracleCpu(file);
            for (OracleVector t = file.next(); t != null; t = file.next()) {
                one(file, cpu, t);
            }
            lastBits += cpu.lastBitDifferences();
        }
    }

    private void one(OracleFile file, OracleCpu cpu, OracleVector t) {
        Op op = null;
        String problem = null;
        try {
            op = cpu.decode(t);
        } catch (IllegalStateException e) {
            problem = " " + e.getMessage();
        }
        Row e = cpu.row();
        String reason = Unclaimed.reason(t, e, file.mode);
        if (reason != null) {
            skipped.computeIfAbsent(reason, _ -> new long[1])[0]++;
            return;
        }
        if (!wanted(e)) {
            filtered++;
            return;
        }
        compared++;
        String family = e == null ? "(no table line)" : e.definition.family().name();
        comparedByFamily.computeIfAbsent(family, _ -> new long[1])[0]++;
        if (problem == null) {
            problem = check.problem(cpu, t, op);
        }
        String known =
                problem.isEmpty() ? null : HostDifferences.reason(vendor, file, t, e, problem);
        if (known != null) {
            explained.computeIfAbsent(known, _ -> new long[1])[0]++;
        } else if (!problem.isEmpty()) {
            String key =
                    e == null
                            ? "(no table line, map " + t.map + ")"
                            : e.definition.family() + " " + e;
            mismatches.computeIfAbsent(key, _ -> new long[1])[0]++;
            List<String> s = samples.computeIfAbsent(key, _ -> new ArrayList<>());
            if (s.size() < samplesPerLine) {
                s.add(file.mode + " #" + t.id + " " + HexFormat.of().formatHex(t.code) + problem);
            }
        }
    }

    private boolean wanted(Row e) {
        if (family == null && mnemonic == null) {
            return true;
        }
        return e != null
                && (family == null || e.definition.family().name().equalsIgnoreCase(family))
                && (mnemonic == null || e.mnemonic.equalsIgnoreCase(mnemonic));
    }

    long mismatchCount() {
        return mismatches.values().stream().mapToLong(n -> n[0]).sum();
    }

    long explainedCount() {
        return explained.values().stream().mapToLong(n -> n[0]).sum();
    }

    long comparedCount() {
        return compared;
    }

    /** Compared vectors by family, as text. */
    String families() {
        StringBuilder s = new StringBuilder();
        comparedByFamily.forEach((k, n) -> s.append(k).append(' ').append(n[0]).append("  "));
        return s.toString().strip();
    }

    String summary() {
        long skips = skipped.values().stream().mapToLong(n -> n[0]).sum();
        return "compared %d, mismatching %d, explained %d, within an approximation's error %d, not claimed %d, other families %d"
                .formatted(compared, mismatchCount(), explainedCount(), lastBits, skips, filtered);
    }

    /** Prints the table lines with mismatches, most first, with samples. */
    void report(PrintStream out, int max) {
        skipped.forEach((k, n) -> out.println("  not claimed: " + k + ": " + n[0]));
        explained.forEach((k, n) -> out.println("  explained: " + k + ": " + n[0]));
        mismatches.entrySet().stream()
                .sorted((a, b) -> Long.compare(b.getValue()[0], a.getValue()[0]))
                .limit(max)
                .forEach(m -> {
                    out.println("  " + m.getValue()[0] + " x " + m.getKey());
                    samples.get(m.getKey()).forEach(s -> out.println("      " + s));
                });
    }
}
