// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.engines;

import dev.faultline.bench.BenchException;
import dev.faultline.shell.internal.cli.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Runs the same guests on our engines and on QEMU's translator (TCG), in turn, and prints processor
 * seconds as one table. {@code bench/engines} starts it; README.md beside that describes the
 * options.
 */
public final class EnginesBench {
    private static final int ROUNDS = 3;
    private static final int LIMIT_SECONDS = 1800;
    private static final String QEMU = "qemu-system-x86_64";

    private final Map<String, String> values = new LinkedHashMap<>();
    private final List<String> what = new ArrayList<>();

    private EnginesBench() {}

    /** Ends with 0 if all was measured, 1 after an error, 4 if something did not run. */
    public static void main(String[] args) throws Exception {
        int code;
        try {
            EnginesBench b = new EnginesBench();
            b.options(args);
            code = b.run();
        } catch (BenchException | IOException e) {
            System.err.println("engines: " + e.getMessage());
            code = 1;
        }
        System.exit(code);
    }

    // ---- options

    private static List<String> known() {
        List<String> all = new ArrayList<>(List.of(Loops.GROUP, Boot.GROUP, Userland.GROUP));
        all.addAll(Loops.NAMES);
        all.addAll(Userland.names());
        return all;
    }

    private void options(String[] args) throws BenchException {
        List<String> valued =
                List.of(
                        "--rounds",
                        "--engines",
                        "--json",
                        "--svg",
                        "--qemu",
                        "--timeout",
                        "--mirror",
                        "--disks");
        for (int i = 0; i < args.length; i++) {
            if (args[i].equals("--help") || args[i].equals("-h")) {
                System.out.print(USAGE);
                System.exit(0);
            } else if (valued.contains(args[i])) {
                if (i + 1 == args.length) {
                    throw new BenchException(args[i] + " needs a value; see --help");
                }
                values.put(args[i], args[++i]);
            } else if (known().contains(args[i])) {
                what.add(args[i]);
            } else {
                throw new BenchException(
                        args[i] + ": expected an option (see --help) or one of " + known());
            }
        }
    }

    private static final String USAGE =
            """
            usage: bench/engines [WHAT...] [OPTION...]
              WHAT              loops, boot, userland, or single loops and programs (all)
              --rounds N        measure everything N times, engines in turn (3)
              --engines A,B     of interpreter, translator, tcg (all)
              --json FILE       write all figures there
              --svg FILE        draw the ratios there
              --qemu PROGRAM    QEMU, 7 or newer (qemu-system-x86_64 on the PATH)
              --timeout S       seconds that a guest may take for one thing (1800)
              --mirror URL      where Debian's packages are (http://deb.debian.org/debian)
              --disks DIR       measure nothing: write the programs' disks there
            """;

    private int number(String name, int otherwise, int most) throws BenchException {
        String s = values.get(name);
        if (s == null) {
            return otherwise;
        }
        if (!s.matches("[1-9]\\d{0,5}") || Integer.parseInt(s) > most) {
            throw new BenchException(name + " " + s + ": expected a number from 1 to " + most);
        }
        return Integer.parseInt(s);
    }

    private List<Engine> engines() throws BenchException {
        List<Engine> e = new ArrayList<>();
        for (String s : values.getOrDefault("--engines", "interpreter,translator,tcg").split(",")) {
            Engine found =
                    Stream.of(Engine.values())
                            .filter(x -> x.label().equals(s))
                            .findFirst()
                            .orElse(null);
            if (found == null || e.contains(found)) {
                throw new BenchException(
                        "--engines "
                                + values.get("--engines")
                                + ": expected some of interpreter, translator and tcg, with commas");
            }
            e.add(found);
        }
        return e;
    }

    private Path qemu(List<Engine> engines) throws BenchException {
        if (!engines.contains(Engine.TCG)) {
            return null;
        }
        String given = values.get("--qemu");
        Path found = given == null ? Commands.find(QEMU) : Path.of(given);
        if (found == null || !Files.isExecutable(found)) {
            throw new BenchException(
                    (given == null
                                    ? "no " + QEMU + " on the PATH"
                                    : "--qemu " + given + ": no such program")
                            + "; install it with `apt-get install --no-install-recommends"
                            + " qemu-system-x86` as root, or leave it out with --engines"
                            + " interpreter,translator");
        }
        return found;
    }

    /** The names of a group that were asked for; all of them if the group was, or nothing. */
    private List<String> chosen(String group, List<String> names) {
        return what.isEmpty() || what.contains(group)
                ? names
                : names.stream().filter(what::contains).toList();
    }

    // ---- measuring

    private int run() throws BenchException, IOException, InterruptedException {
        Path disks = values.containsKey("--disks") ? Path.of(values.get("--disks")) : null;
        List<Engine> engines = engines();
        Path qemu = disks != null ? null : qemu(engines);
        Path scratch = Files.createTempDirectory("faultline-engines");
        Thread leave = new Thread(() -> leave(scratch), "leave");
        Runtime.getRuntime().addShutdownHook(leave);
        Path top = Path.of(System.getProperty("faultline.home")).resolve("../../../..").normalize();
        Lab lab =
                new Lab(
                        top,
                        scratch,
                        cache(),
                        Path.of(System.getProperty("faultline.home"), "bin", "faultline"),
                        qemu,
                        engines,
                        number("--rounds", ROUNDS, 1000),
                        number("--timeout", LIMIT_SECONDS, 100_000),
                        System.err);
        if (disks != null) {
            return write(disks, lab);
        }
        List<Work> loops = Loops.works(chosen(Loops.GROUP, Loops.NAMES));
        List<Work> boot =
                chosen(Boot.GROUP, List.of(Boot.GROUP)).isEmpty() ? List.of() : Boot.works();
        List<Work> userland = Userland.works(chosen(Userland.GROUP, Userland.names()));
        Work start = Loops.start();
        Path image = loops.isEmpty() ? null : Loops.build(lab);
        Path kernel = boot.isEmpty() && userland.isEmpty() ? null : Boot.kernel(lab);
        Userland programs =
                userland.isEmpty()
                        ? null
                        : Userland.prepare(lab, kernel, userland, values.get("--mirror"));
        for (int i = 0; i < lab.rounds(); i++) {
            System.err.printf("round %d of %d%n", i + 1, lab.rounds());
            if (!loops.isEmpty()) {
                Loops.round(lab, i, image, loops, start);
            }
            if (!boot.isEmpty()) {
                Boot.round(lab, i, kernel, boot);
            }
            if (programs != null) {
                programs.round(lab, i);
            }
        }
        List<Work> all = new ArrayList<>(loops);
        if (!loops.isEmpty()) {
            all.add(start);
        }
        all.addAll(boot);
        all.addAll(userland);
        Report report = new Report(engines, all);
        report.print(System.out);
        if (values.containsKey("--json")) {
            Json.write(Path.of(values.get("--json")), facts(lab, report));
        }
        if (values.containsKey("--svg")) {
            Bars.write(Path.of(values.get("--svg")), report, host(), LocalDate.now());
        }
        return all.stream().allMatch(w -> w.failures.isEmpty()) ? 0 : 4;
    }

    private int write(Path disks, Lab lab)
            throws BenchException, IOException, InterruptedException {
        List<Work> works = Userland.works(chosen(Userland.GROUP, Userland.names()));
        Userland.prepare(lab, Boot.kernel(lab), works, values.get("--mirror")).write(disks);
        return 0;
    }

    private static Path cache() {
        String own = System.getenv("FAULTLINE_CACHE");
        String xdg = System.getenv("XDG_CACHE_HOME");
        Path p =
                own != null && !own.isBlank()
                        ? Path.of(own)
                        : (xdg != null && !xdg.isBlank()
                                        ? Path.of(xdg)
                                        : Path.of(System.getProperty("user.home"), ".cache"))
                                .resolve("faultline");
        return p.toAbsolutePath().resolve("engines");
    }

    /** Ends guests that an interrupted run has left behind, too. */
    private static void leave(Path scratch) {
        ProcessHandle.current().children().forEach(ProcessHandle::destroyForcibly);
        try (Stream<Path> s = Files.walk(scratch)) {
            for (Path p : s.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(p);
            }
        } catch (IOException e) {
            System.err.println("engines: " + scratch + " is left behind: " + e);
        }
    }

    private Map<String, Object> facts(Lab lab, Report report)
            throws BenchException, IOException, InterruptedException {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("date", LocalDate.now().toString());
        m.put("host", host());
        m.put("processors", Runtime.getRuntime().availableProcessors());
        m.put("jdk", System.getProperty("java.vm.version"));
        if (lab.qemu() != null) {
            String version = Commands.run(lab.scratch(), "see --qemu", lab.qemu(), "--version");
            m.put("qemu", version.lines().findFirst().orElse("").strip());
            m.put("qemuCpu", Engine.TCG_CPU);
        }
        m.put("rounds", lab.rounds());
        m.putAll(report.facts());
        return m;
    }

    /** The host's processor, as it calls itself. */
    private static String host() throws IOException {
        try (Stream<String> s = Files.lines(Path.of("/proc/cpuinfo"))) {
            return s.filter(l -> l.startsWith("model name"))
                    .map(l -> l.substring(l.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse("unknown");
        }
    }
}
