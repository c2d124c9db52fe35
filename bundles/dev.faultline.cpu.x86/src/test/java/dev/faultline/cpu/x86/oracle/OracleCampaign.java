// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.oracle;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * Builds the native oracle from its source and compares fresh vectors of this machine's CPU, in
 * parts that are deleted as they pass.
 *
 * <pre>
 * OracleCampaign ORACLE.c [--n64 N] [--n32 N] [--n16 N] [--seed S] [--part N] [--dir DIR] [--summary FILE] [--family F] [--vendor intel|amd]
 *     [--engine-factory CLASS]
 * </pre>
 *
 * With an engine factory, 64-bit vectors are run by its engine: see {@link EngineCheck}. Linux on
 * x86-64, with gcc. Exits 1 if anything differs that {@link HostDifferences} does not explain, 3 if
 * the host cannot execute the code of a mode that was asked for.
 */
public final class OracleCampaign {
    private final Path source;
    private final String[] modes = {"64", "32", "16"};
    private final long[] counts = {1_000_000, 1_000_000, 300_000};
    // clock: a seed
    private long seed = System.nanoTime() & 0xFFFF_FFFFL;
    private long part = 100_000;
    private String family;
    private Path dir;
    private Path summary;
    private EngineCheck engine;
    private String vendor = HostDifferences.hostVendor();

    /** The host executes no code of one of the modes. */
    private boolean notRun;

    private OracleCampaign(String source) {
        this.source = Path.of(source);
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        if (args.length == 0 || args[0].startsWith("-")) {
            System.err.println(
                    "usage: OracleCampaign ORACLE.c [--n64 N] [--n32 N] [--n16 N] [--seed S]"
                            + " [--part N] [--dir DIR] [--summary FILE] [--family F]"
                            + " [--vendor intel|amd]");
            System.exit(2);
        }
        OracleCampaign c = new OracleCampaign(args[0]);
        for (int i = 1; i < args.length; i += 2) {
            if (i + 1 == args.length) {
                throw new IllegalArgumentException(args[i] + " needs a value");
            }
            c.option(args[i], args[i + 1]);
        }
        boolean good = c.run();
        System.exit(!good ? 1 : c.notRun ? 3 : 0);
    }

    private void option(String name, String value) {
        switch (name) {
            case "--n64" -> counts[0] = Long.parseLong(value);
            case "--n32" -> counts[1] = Long.parseLong(value);
            case "--n16" -> counts[2] = Long.parseLong(value);
            case "--seed" -> seed = Long.parseLong(value);
            case "--part" -> part = Long.parseLong(value);
            case "--dir" -> dir = Path.of(value);
            case "--summary" -> summary = Path.of(value);
            case "--family" -> family = value;
            case "--vendor" -> vendor = value;
            case "--engine-factory" -> engine = EngineCheck.of(value);
            default -> throw new IllegalArgumentException("unknown option " + name);
        }
    }

    private boolean run() throws IOException, InterruptedException {
        if (dir == null) {
            dir = Files.createTempDirectory("oracle");
        }
        Files.createDirectories(dir);
        Path oracle = dir.resolve("oracle");
        // Position-independent: its own memory then is where 32-bit vectors cannot reach.
        expect(0, "gcc", "-O2", "-w", "-static-pie", "-o", oracle.toString(), source.toString());
        boolean good = true;
        List<String> text = new ArrayList<>();
        text.add(
                "seed "
                        + seed
                        + ", a processor of "
                        + vendor
                        + (family == null ? "" : ", family " + family));
        for (int m = 0; m < (engine == null ? modes.length : 1); m++) {
            if (counts[m] > 0) {
                good &= mode(oracle, modes[m], counts[m], text);
            }
        }
        if (summary != null) {
            Files.write(summary, text);
        }
        return good;
    }

    private boolean mode(Path oracle, String mode, long total, List<String> text)
            throws IOException, InterruptedException {
        OracleRun run = new OracleRun(family, null, 5);
        run.vendor = vendor;
        if (engine != null) {
            run.check = engine;
        }
        Instant start = Instant.now();
        long left = total;
        for (long s = seed; left > 0; s++) {
            long n = Math.min(part, left);
            Path file = dir.resolve("vectors" + mode + "-" + s);
            int code =
                    command(
                            oracle.toString(),
                            "-m",
                            mode,
                            "-n",
                            Long.toString(n),
                            "-s",
                            Long.toString(s * 1000 + Long.parseLong(mode)),
                            "--noavx",
                            "--no512",
                            "-o",
                            file.toString());
            if (code == NOT_EXECUTED) {
                notRun = true;
                String line = mode + " bits: not run, this host executes no such code";
                System.out.println(line);
                text.add(line);
                return true;
            }
            if (code != 0) {
                throw new IOException(oracle + " exited with " + code);
            }
            long before = run.mismatchCount();
            try (InputStream in = Files.newInputStream(file)) {
                run.run(in);
            }
            if (run.mismatchCount() == before) {
                Files.delete(file);
            }
            left -= n;
            System.out.println(mode + " bits, " + (total - left) + " vectors: " + run.summary());
        }
        text.add(
                mode
                        + " bits: "
                        + run.summary()
                        + ", "
                        + Duration.between(start, Instant.now()).toSeconds()
                        + " s");
        text.add("  " + run.families());
        if (engine != null) {
            text.add("  " + engine.summary());
            System.out.println(engine.summary());
        }
        java.io.ByteArrayOutputStream b = new java.io.ByteArrayOutputStream();
        run.report(new PrintStream(b), 100);
        String report = b.toString().stripTrailing();
        text.add(report);
        System.out.println(report);
        return run.mismatchCount() == 0;
    }

    /** The oracle's exit code if the host executes no code of the mode. */
    private static final int NOT_EXECUTED = 4;

    private static void expect(int code, String... words) throws IOException, InterruptedException {
        int c = command(words);
        if (c != code) {
            throw new IOException(String.join(" ", words) + " exited with " + c);
        }
    }

    private static int command(String... words) throws IOException, InterruptedException {
        Process p =
                new ProcessBuilder(words)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.PIPE)
                        .start();
        String said = new String(p.getInputStream().readAllBytes());
        int code = p.waitFor();
        if (code != 0) {
            System.err.println(String.join(" ", words) + ": " + said.strip());
        }
        return code;
    }
}
