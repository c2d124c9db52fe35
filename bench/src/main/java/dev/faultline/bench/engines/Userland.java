// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.engines;

import dev.faultline.bench.BenchException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Programs of Debian under its kernel, each with one job, from a disk in RAM: what the process uses
 * between the two lines that the guest sends around the job.
 */
final class Userland {
    static final String GROUP = "userland";

    /**
     * Programs that share a disk and a boot.
     *
     * @param packages beside {@link #COMMON}
     */
    private record Disk(String name, List<String> packages, List<String> jobs, int memoryMib) {}

    private static final List<String> COMMON = List.of("busybox-static");
    private static final List<Disk> DISKS =
            List.of(
                    new Disk(
                            "programs",
                            List.of(
                                    "coreutils",
                                    "openssl",
                                    "gawk",
                                    "perl-base",
                                    "python3-minimal",
                                    "sqlite3"),
                            List.of("sha256sum", "openssl", "gawk", "perl", "python3", "sqlite3"),
                            512),
                    new Disk("gcc", List.of("gcc", "libc6-dev"), List.of("gcc"), 1024),
                    new Disk("jvm", List.of("openjdk-17-jre-headless"), List.of("jvm"), 1536),
                    new Disk("node", List.of("nodejs"), List.of("node"), 1024));

    /** The jobs' class is for the JVM of the guest. */
    private static final String JAVA_RELEASE = "17";

    private final Path kernel;

    /** The disks that are needed, with the work that was asked for. */
    private final Map<Disk, List<Work>> works = new LinkedHashMap<>();

    private final Map<Disk, Path> images = new LinkedHashMap<>();

    private Userland(Path kernel) {
        this.kernel = kernel;
    }

    static List<String> names() {
        return DISKS.stream().flatMap(d -> d.jobs().stream()).toList();
    }

    static List<Work> works(List<String> names) {
        List<Work> w = new ArrayList<>();
        names.forEach(n -> w.add(new Work(GROUP, n)));
        return w;
    }

    // ---- disks

    static Userland prepare(Lab lab, Path kernel, List<Work> works, String mirror)
            throws BenchException, IOException, InterruptedException {
        Userland u = new Userland(kernel);
        Files.createDirectories(lab.cache());
        for (Disk d : DISKS) {
            List<Work> of = works.stream().filter(w -> d.jobs().contains(w.name)).toList();
            if (!of.isEmpty()) {
                List<String> packages = new ArrayList<>(COMMON);
                packages.addAll(d.packages());
                Path tree = new Debian(lab, mirror).tree(d.name(), packages);
                u.works.put(d, of);
                u.images.put(d, image(lab, d, tree));
            }
        }
        return u;
    }

    private static Path image(Lab lab, Disk d, Path tree)
            throws BenchException, IOException, InterruptedException {
        Path sources = lab.top().resolve("bench/src/main/userland");
        Path to = lab.scratch().resolve(d.name() + ".cpio");
        try (Archive a = new Archive(to)) {
            a.tree(tree);
            a.file("init", sources.resolve("init"));
            a.directory("jobs");
            try (Stream<Path> s = Files.list(sources)) {
                for (Path f : s.sorted().toList()) {
                    a.file("jobs/" + f.getFileName(), f);
                }
            }
            for (String f : List.of("runtime.c", "keyed.c", "float.c", "float.h", "guest.h")) {
                a.file(
                        "jobs/" + f,
                        lab.top().resolve("bundles/dev.faultline.shell/src/main/guest").resolve(f));
            }
            for (String f : List.of("engines.c", "floatloops.c")) {
                a.file("jobs/" + f, lab.top().resolve("bench/src/main/guest").resolve(f));
            }
            if (d.jobs().contains("jvm")) {
                Path java = Path.of(System.getProperty("java.home"), "bin", "javac");
                Commands.run(
                        lab.scratch(),
                        "it compiles the job of the guest's JVM",
                        java,
                        "--release",
                        JAVA_RELEASE,
                        "-d",
                        lab.scratch(),
                        sources.resolve("Jvm.java"));
                a.file("jobs/Jvm.class", lab.scratch().resolve("Jvm.class"));
                // What the package's installation would do: the program, and a link to it.
                a.link("usr/bin/java", "/usr/lib/jvm/java-17-openjdk-amd64/bin/java");
            }
        }
        lab.say("%s: %d MiB of files", d.name(), Files.size(to) >> 20);
        return to;
    }

    /**
     * Of each disk a file DISK.cpio, and a file DISK.jobs: the memory that it needs in MiB, and the
     * names that its first process is to read.
     */
    void write(Path to) throws IOException {
        Files.createDirectories(to);
        for (Map.Entry<Disk, List<Work>> x : works.entrySet()) {
            Disk d = x.getKey();
            Files.copy(
                    images.get(d),
                    to.resolve(d.name() + ".cpio"),
                    StandardCopyOption.REPLACE_EXISTING);
            List<String> lines = new ArrayList<>(List.of(Integer.toString(d.memoryMib())));
            x.getValue().forEach(w -> lines.add(w.name));
            Files.write(to.resolve(d.name() + ".jobs"), lines);
        }
    }

    // ---- measuring

    void round(Lab lab, int round) throws IOException, InterruptedException {
        for (Map.Entry<Disk, List<Work>> x : works.entrySet()) {
            for (Engine e : lab.order(round)) {
                List<Work> left = new ArrayList<>(x.getValue());
                left.removeIf(w -> !w.wants(e));
                while (!left.isEmpty()) {
                    session(lab, x.getKey(), e, left);
                }
            }
        }
    }

    /** Boots, and does what is left; less is left afterwards. */
    private void session(Lab lab, Disk d, Engine e, List<Work> left)
            throws IOException, InterruptedException {
        Guest g = new Guest(kernel, images.get(d), Boot.COMMAND_LINE + " quiet", d.memoryMib());
        try (Running r = lab.start(e, g)) {
            r.await("<ready>");
            while (!left.isEmpty()) {
                job(lab, r, e, left.getFirst());
                left.removeFirst();
            }
        } catch (BenchException x) {
            // The guest is gone, or never came: the next one is asked for what comes behind.
            Work w = left.removeFirst();
            w.failed(e, x.getMessage());
            lab.say("%s, %s: %s", w.name, e.label(), x.getMessage());
        }
    }

    private static void job(Lab lab, Running r, Engine e, Work w) throws BenchException {
        r.send(w.name);
        if (r.awaitEither("<begin " + w.name + ">", "<failed " + w.name + ": ").failed()) {
            fail(lab, r, e, w);
            return;
        }
        Cpu begin = r.cpu();
        r.await("<end " + w.name + ">");
        Cpu used = r.cpu().since(begin);
        if (r.awaitEither("<result " + w.name + " ", "<failed " + w.name + ": ").failed()) {
            fail(lab, r, e, w);
            return;
        }
        String result = r.await(">");
        w.result(e, result.substring(0, result.length() - 1));
        if (w.wants(e)) {
            w.add(e, used.process());
            w.also(e, "vcpuSeconds", used.vcpu());
            lab.say("%s, %s: %.2f s", w.name, e.label(), used.process());
        }
    }

    private static void fail(Lab lab, Running r, Engine e, Work w) throws BenchException {
        String why = r.await(">\r\n").replace(">\r\n", "");
        w.failed(e, why);
        lab.say("%s, %s: %s", w.name, e.label(), why);
    }
}
