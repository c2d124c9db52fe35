// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongUnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Runs guests with the shipped program and says how many million guest instructions it executes in
 * a second of wall-clock time (MIPS). {@code bench/run} starts it; README.md beside that describes
 * the options.
 */
public final class GuestBench {
    private static final String PROMPT = "faultline# ";
    private static final Pattern RESULT =
            Pattern.compile("(\\w+) result=([0-9a-f]{16}) instructions=(\\d+)");

    private final Options options;

    /** Name to MIPS of every run. */
    private final Map<String, List<Double>> speeds = new LinkedHashMap<>();

    private final Map<String, Long> instructions = new LinkedHashMap<>();

    private GuestBench(Options options) {
        this.options = options;
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        int code;
        try {
            code = new GuestBench(Options.of(args)).measure();
        } catch (BenchException e) {
            System.err.println("bench: " + e.getMessage());
            code = 1;
        }
        System.exit(code);
    }

    private int measure() throws IOException, InterruptedException {
        for (int i = 0; i < options.runs; i++) {
            for (String what : options.what) {
                if (what.equals("linux")) {
                    linux();
                } else {
                    loops();
                }
            }
        }
        System.out.printf("%-10s %15s %10s %10s%n", "", "instructions", "best MIPS", "median");
        for (Map.Entry<String, List<Double>> e : speeds.entrySet()) {
            System.out.printf(
                    Locale.ROOT,
                    "%-10s %15d %10.1f %10.1f%n",
                    e.getKey(),
                    instructions.get(e.getKey()),
                    best(e.getValue()),
                    median(e.getValue()));
        }
        if (options.json != null) {
            Files.writeString(options.json, json());
        }
        return 0;
    }

    // ---- the hot loops
    private void loops() throws IOException, InterruptedException {
        Map<String, LongUnaryOperator> expected = HotLoops.all();
        Process p =
                start(
                        options.image.toString(),
                        "--append",
                        String.join(" ", options.loops) + " scale=" + options.scale);
        int seen = 0;
        try (BufferedReader in = output(p)) {
            long begin = System.nanoTime();
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                long now = System.nanoTime();
                if (line.endsWith(" begins")) {
                    begin = now;
                    continue;
                }
                Matcher m = RESULT.matcher(line);
                if (m.lookingAt()) {
                    long result = Long.parseUnsignedLong(m.group(2), 16);
                    long want = expected.get(m.group(1)).applyAsLong(options.scale);
                    if (result != want) {
                        throw new BenchException(
                                "%s gave %x, expected %x".formatted(m.group(1), result, want));
                    }
                    add(m.group(1), Long.parseLong(m.group(3)), now - begin);
                    seen++;
                }
            }
        }
        if (p.waitFor() != 1 || seen == 0) {
            throw new BenchException(
                    "the guest ended with exit code %d after %d loops, expected 1"
                            .formatted(p.exitValue(), seen));
        }
    }

    // ---- Linux
    private void linux() throws IOException, InterruptedException {
        Path facts = Files.createTempFile("bench", ".json");
        try {
            Process p =
                    start(
                            kernel().toString(),
                            "--initrd",
                            initrd().toString(),
                            "--append",
                            "console=ttyS0 panic=-1 rdinit=/init",
                            "--stop-when",
                            PROMPT,
                            "--json",
                            facts.toString());
            try (BufferedReader in = output(p)) {
                in.transferTo(java.io.Writer.nullWriter());
            }
            if (p.waitFor() != 0) {
                throw new BenchException(
                        "Linux ended with exit code " + p.exitValue() + " before its prompt");
            }
            String json = Files.readString(facts);
            add("linux", (long) number(json, "instructions"), number(json, "wallMillis") * 1e6);
        } finally {
            Files.delete(facts);
        }
    }

    private Path kernel() throws IOException {
        if (options.kernel != null) {
            return options.kernel;
        }
        Path found = CachedGuests.kernel();
        if (found != null) {
            return found;
        }
        throw missing("kernel", "--kernel BZIMAGE");
    }

    private Path initrd() throws IOException {
        Path at = options.initrd != null ? options.initrd : CachedGuests.initrd();
        if (!Files.isRegularFile(at)) {
            throw missing("initrd " + at, "--initrd FILE with a prompt '" + PROMPT + "'");
        }
        return at;
    }

    private static BenchException missing(String what, String option) {
        return new BenchException(
                "no " + what + "; run ./faultline demo --linux once, or pass " + option);
    }

    // ---- processes and figures
    private Process start(String... guest) throws IOException {
        List<String> command = new ArrayList<>(List.of(options.program, "run"));
        command.addAll(List.of(guest));
        command.addAll(options.more);
        return new ProcessBuilder(command)
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    private static BufferedReader output(Process p) {
        return new BufferedReader(
                new InputStreamReader(p.getInputStream(), StandardCharsets.ISO_8859_1));
    }

    private void add(String name, long count, double nanos) {
        double mips = count * 1e3 / nanos;
        instructions.put(name, count);
        speeds.computeIfAbsent(name, n -> new ArrayList<>()).add(mips);
        System.err.printf(Locale.ROOT, "%s: %.2f s, %.1f MIPS%n", name, nanos / 1e9, mips);
    }

    private static double best(List<Double> x) {
        return x.stream().max(Comparator.naturalOrder()).orElseThrow();
    }

    private static double median(List<Double> x) {
        List<Double> s = x.stream().sorted().toList();
        return (s.get((s.size() - 1) / 2) + s.get(s.size() / 2)) / 2;
    }

    private static double number(String json, String key) {
        Matcher m = Pattern.compile('"' + key + "\"\\s*:\\s*([0-9.Ee+]+)").matcher(json);
        if (!m.find()) {
            throw new BenchException("the program's facts lack " + key + ": " + json);
        }
        return Double.parseDouble(m.group(1));
    }

    private String json() {
        StringBuilder s = new StringBuilder("{\n");
        for (Map.Entry<String, List<Double>> e : speeds.entrySet()) {
            s.append(s.length() > 2 ? ",\n" : "")
                    .append(
                            String.format(
                                    Locale.ROOT,
                                    "  \"%s\": {\"instructions\": %d, \"bestMips\": %.1f,"
                                            + " \"medianMips\": %.1f, \"mips\": %s}",
                                    e.getKey(),
                                    instructions.get(e.getKey()),
                                    best(e.getValue()),
                                    median(e.getValue()),
                                    e.getValue()));
        }
        return s.append("\n}\n").toString();
    }

    private static final class BenchException extends RuntimeException {
        private static final long serialVersionUID = 1;

        BenchException(String message) {
            super(message);
        }
    }

    /** The command line. */
    private static final class Options {
        final List<String> what = new ArrayList<>();
        final List<String> loops = new ArrayList<>();
        final List<String> more = new ArrayList<>();
        String program = "faultline";
        Path image = Path.of("bench/src/main/resources/guest/hotloop.elf");
        Path kernel;
        Path initrd;
        Path json;
        int runs = 3;
        long scale = 1;

        static Options of(String[] args) {
            Options o = new Options();
            for (int i = 0; i < args.length; i++) {
                String a = args[i];
                if (a.equals("--")) {
                    o.more.addAll(List.of(args).subList(i + 1, args.length));
                    break;
                }
                if (a.startsWith("--")) {
                    if (i + 1 == args.length) {
                        throw new BenchException(a + " needs a value");
                    }
                    o.option(a, args[++i]);
                } else if (a.equals("linux")) {
                    o.what.add(a);
                } else if (a.equals("all") || HotLoops.all().containsKey(a)) {
                    o.loops.add(a);
                } else {
                    throw new BenchException(
                            a + ": expected all, linux or one of " + HotLoops.all().keySet());
                }
            }
            if (!o.loops.isEmpty() || o.what.isEmpty()) {
                o.what.addFirst("loops");
            }
            if (o.loops.isEmpty()) {
                o.loops.add("all");
            }
            return o;
        }

        private void option(String name, String value) {
            switch (name) {
                case "--program" -> program = value;
                case "--image" -> image = Path.of(value);
                case "--kernel" -> kernel = Path.of(value);
                case "--initrd" -> initrd = Path.of(value);
                case "--json" -> json = Path.of(value);
                case "--runs" -> runs = (int) positive(name, value, 1000);
                case "--scale" -> scale = positive(name, value, 1000);
                default -> throw new BenchException("unknown option " + name);
            }
        }

        private static long positive(String name, String value, int most) {
            if (!value.matches("\\d{1,4}")
                    || Long.parseLong(value) < 1
                    || Long.parseLong(value) > most) {
                throw new BenchException(
                        name + " " + value + ": expected a number from 1 to " + most);
            }
            return Long.parseLong(value);
        }
    }
}
