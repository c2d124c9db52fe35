// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.hostile;

import dev.faultline.cpu.translator.internal.VerifiedTranslator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Has a process of its own try {@link HostileCode} case by case: if generated code kills or hangs
 * it, the case is known, is kept, and another process goes on behind it. See {@code
 * bench/fuzz-code.sh}.
 */
public final class HostileCampaign {
    private static final String USAGE =
            "fuzz-code.sh [--cases N] [--seed S] [--threshold N] [--style coded|thrown] [--keep DIR]"
                    + " | --trace SEED";

    /** What the processes have written down, as longs: the case at work, then what was counted. */
    private static final int AT = 0;

    private static final String[] COUNTED = {
        "cases",
        "passages",
        "left out",
        "instructions",
        "by generated code",
        "stops",
        "by protection",
        "halts",
        "shutdowns"
    };

    /** Cases of one process. */
    private static final int BATCH = 20_000;

    private static final int MOST_FAILURES = 20;

    /** So little that code memory is used up again and again. */
    private static final int CODE_MIB = 1;

    /** A case takes milliseconds. */
    private static final int MOST_MINUTES = 10;

    private long cases = 10_000;
    private long seed = 1;
    private int threshold = 1;
    private String style = "coded";
    private Path keep = Path.of("found");
    private final long[] totals = new long[COUNTED.length];
    private int failures;

    private HostileCampaign() {}

    public static void main(String[] args) throws IOException, InterruptedException {
        HostileCampaign c = new HostileCampaign();
        boolean child = false;
        for (int i = 0; i < args.length; i++) {
            if (i + 1 == args.length) {
                usage(args[i] + " has no value");
            }
            String value = args[++i];
            switch (args[i - 1]) {
                case "--cases" -> c.cases = number(value);
                case "--seed" -> c.seed = number(value);
                case "--threshold" -> c.threshold = Math.toIntExact(number(value));
                case "--style" -> {
                    if (!List.of("coded", "thrown").contains(value)) {
                        usage("--style " + value + ": expected coded or thrown");
                    }
                    c.style = value;
                }
                case "--keep" -> c.keep = Path.of(value);
                case "--child" -> {
                    c.keep = Path.of(value);
                    child = true;
                }
                case "--trace" -> {
                    try (HostileComparison of = c.comparison()) {
                        System.out.println(of.trace(number(value)));
                    }
                    return;
                }
                default -> usage("unknown option " + args[i - 1]);
            }
        }
        System.exit(child ? c.work() : c.lead());
    }

    private static long number(String value) {
        try {
            return Long.parseLong(value);
        } catch (NumberFormatException e) {
            usage(value + " is no number");
            return 0;
        }
    }

    private static void usage(String why) {
        System.err.println("fuzz-code: " + why + "; " + USAGE);
        System.exit(2);
    }

    private HostileComparison comparison() {
        VerifiedTranslator translator = new VerifiedTranslator(threshold, CODE_MIB);
        if (translator.refusal() != null) {
            throw new IllegalStateException("this host cannot run it: " + translator.refusal());
        }
        return new HostileComparison(translator, style);
    }

    // ---- the process that works

    /** Runs its cases, each one's number written down before; what differs is printed. */
    private int work() throws IOException {
        ByteBuffer board = board();
        try (HostileComparison c = comparison()) {
            for (long i = seed; i < seed + cases; i++) {
                board.putLong(8 * AT, i);
                String d = c.compare(i);
                long[] counts = {
                    c.cases,
                    c.passages,
                    c.leftOut,
                    c.instructions(),
                    c.generated(),
                    c.stops,
                    c.faults,
                    c.halts,
                    c.shutdowns
                };
                for (int k = 0; k < counts.length; k++) {
                    board.putLong(8 * (1 + k), counts[k]);
                }
                if (!d.isEmpty()) {
                    System.out.println(d);
                    return 1;
                }
            }
        }
        return 0;
    }

    /** The file that both processes see; what is written is there even if the writer dies. */
    private ByteBuffer board() throws IOException {
        try (FileChannel f =
                FileChannel.open(
                        keep.resolve("board"),
                        StandardOpenOption.CREATE,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE)) {
            return f.map(FileChannel.MapMode.READ_WRITE, 0, 8 * (1 + COUNTED.length));
        }
    }

    // ---- the process that leads

    private int lead() throws IOException, InterruptedException {
        Files.createDirectories(keep);
        ByteBuffer board = board();
        long end = seed + cases;
        for (long at = seed; at < end && failures < MOST_FAILURES; ) {
            long n = Math.min(BATCH, end - at);
            for (int i = 0; i <= COUNTED.length; i++) {
                board.putLong(8 * i, i == AT ? at : 0);
            }
            Path out = keep.resolve("out");
            Process p = start(at, n, out);
            String how = await(p, board);
            for (int k = 0; k < totals.length; k++) {
                totals[k] += board.getLong(8 * (1 + k));
            }
            if (how.isEmpty()) {
                at += n;
            } else {
                long from = at;
                at = board.getLong(8 * AT);
                failed(at, how + ", in a process from seed " + from, out);
                at++;
            }
            System.out.println("to seed " + (at - 1) + ": " + summary());
        }
        Files.deleteIfExists(keep.resolve("board"));
        return failures == 0 ? 0 : 1;
    }

    private Process start(long from, long n, Path out) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                java.lang.management.ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.add("-XX:ErrorFile=" + keep.toAbsolutePath().resolve("crash.log"));
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.add(HostileCampaign.class.getName());
        command.addAll(List.of("--cases", Long.toString(n), "--seed", Long.toString(from)));
        command.addAll(List.of("--threshold", Integer.toString(threshold), "--style", style));
        command.addAll(List.of("--child", keep.toString()));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
    }

    /** Empty: it has done its work; else how it failed. */
    private static String await(Process p, ByteBuffer board) throws InterruptedException {
        long at = -1;
        int seconds = 0;
        // clock: only a case that takes longer than thousands of others hangs
        while (!p.waitFor(1, TimeUnit.SECONDS)) {
            seconds = board.getLong(8 * AT) == at ? seconds + 1 : 0;
            at = board.getLong(8 * AT);
            if (seconds == 60 * MOST_MINUTES) {
                p.destroyForcibly().waitFor();
                return "hangs";
            }
        }
        int code = p.exitValue();
        return code == 0 ? "" : code == 1 ? "differs or is refused" : "ends with " + code;
    }

    private void failed(long at, String how, Path out) throws IOException {
        failures++;
        Path dir = Files.createDirectories(keep.resolve("seed-" + at));
        move(out, dir.resolve("out"));
        move(keep.resolve("crash.log"), dir.resolve("crash.log"));
        Files.write(dir.resolve("code"), HostileGuest.code(at).bytes);
        System.out.println("seed " + at + " " + how + "; kept in " + dir);
        try (var lines = Files.lines(dir.resolve("out"))) {
            lines.limit(12).forEach(System.out::println);
        } catch (UncheckedIOException e) {
            System.out.println(e.getMessage());
        }
    }

    private static void move(Path from, Path to) throws IOException {
        if (Files.exists(from)) {
            Files.move(from, to, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private String summary() {
        StringBuilder b = new StringBuilder();
        for (int i = 0; i < COUNTED.length; i++) {
            b.append("%,d %s, ".formatted(totals[i], COUNTED[i]));
        }
        return b.append(failures).append(" failures").toString();
    }
}
