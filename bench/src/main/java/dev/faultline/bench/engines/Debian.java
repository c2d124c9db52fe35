// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.engines;

import dev.faultline.bench.BenchException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Packages of one release of Debian, whatever the host is, with all that they depend on: fetched by
 * name, with an apt that has lists and caches of its own, into the user's cache. Nothing is
 * installed, and nobody need be root.
 */
final class Debian {
    static final String RELEASE = "bookworm";

    private static final String MIRROR = "http://deb.debian.org/debian";
    private static final String KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";
    private static final String ADVICE =
            "it needs apt, dpkg-deb and a network once; --mirror names another source";

    private final Lab lab;
    private final Path at;
    private final String mirror;

    /**
     * @param mirror null: Debian's own
     */
    Debian(Lab lab, String mirror) {
        this.lab = lab;
        this.at = lab.cache();
        this.mirror = mirror == null ? MIRROR : mirror;
    }

    /** Where the files of these packages are; fetched if they were not. */
    Path tree(String name, List<String> packages)
            throws BenchException, IOException, InterruptedException {
        Path to = at.resolve(RELEASE + "-" + name);
        // The folder's mark names its packages: another list is fetched anew.
        Path mark = at.resolve(RELEASE + "-" + name + ".packages");
        String wanted = String.join("\n", packages) + "\n";
        if (Files.isDirectory(to) && Files.exists(mark) && Files.readString(mark).equals(wanted)) {
            return to;
        }
        lab.say("fetching Debian's %s ...", String.join(", ", packages));
        Map<String, String> apt = Map.of("APT_CONFIG", configuration().toString());
        Path archives = at.resolve("apt/archives");
        remove(archives);
        Files.createDirectories(archives.resolve("partial"));
        List<Object> command =
                new ArrayList<>(List.of("apt-get", "-qq", "-y", "--download-only", "install"));
        command.addAll(packages);
        Commands.run(lab.scratch(), apt, ADVICE, command.toArray());
        remove(to);
        Files.deleteIfExists(mark);
        try (Stream<Path> s = Files.list(archives)) {
            for (Path deb : s.filter(f -> f.toString().endsWith(".deb")).sorted().toList()) {
                Commands.run(lab.scratch(), ADVICE, "dpkg-deb", "-x", deb, to);
            }
        }
        remove(archives);
        Files.writeString(mark, wanted);
        return to;
    }

    private Path configuration() throws BenchException, IOException, InterruptedException {
        Path apt = at.resolve("apt");
        Path file = apt.resolve("apt.conf");
        String source = "deb [signed-by=%s] %s %s main\n".formatted(KEYS, mirror, RELEASE);
        Path sources = apt.resolve("sources.list");
        Path updated = apt.resolve("updated");
        if (Files.exists(updated) && Files.readString(updated).equals(source)) {
            return file;
        }
        Files.deleteIfExists(updated);
        if (!Files.exists(Path.of(KEYS))) {
            throw new BenchException(
                    KEYS + " is missing: install Debian's keys (package debian-archive-keyring)");
        }
        for (String d : List.of("lists/partial", "cache", "archives/partial")) {
            Files.createDirectories(apt.resolve(d));
        }
        Files.writeString(sources, source);
        Files.writeString(apt.resolve("status"), "");
        Files.writeString(
                file,
                """
                APT::Architecture "amd64";
                APT::Architectures { "amd64"; };
                APT::Sandbox::User "";
                APT::Install-Recommends "false";
                Dir::Etc::SourceList "%1$s/sources.list";
                Dir::Etc::SourceParts "/dev/null";
                Dir::State::Lists "%1$s/lists";
                Dir::State::status "%1$s/status";
                Dir::Cache "%1$s/cache";
                Dir::Cache::archives "%1$s/archives";
                """
                        .formatted(apt));
        Commands.run(
                lab.scratch(),
                Map.of("APT_CONFIG", file.toString()),
                ADVICE,
                "apt-get",
                "-qq",
                "update");
        Files.writeString(updated, source);
        return file;
    }

    private static void remove(Path at) throws IOException {
        if (!Files.exists(at)) {
            return;
        }
        try (Stream<Path> s = Files.walk(at)) {
            for (Path p : s.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(p);
            }
        }
    }
}
