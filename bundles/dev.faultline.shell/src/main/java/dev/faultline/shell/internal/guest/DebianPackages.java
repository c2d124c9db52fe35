// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.guest;

import dev.faultline.shell.internal.cli.OneLine;
import dev.faultline.shell.internal.cli.Progress;
import dev.faultline.shell.internal.disk.FileTree;
import dev.faultline.shell.internal.disk.UserCache;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Fetches Debian packages by name, with the host's own apt, into a cache of the user's. Nothing is
 * installed.
 */
public final class DebianPackages {
    private static final String KERNEL_META = "linux-image-cloud-amd64";
    private static final String BUSYBOX = "busybox-static";
    private static final Pattern DEPENDS =
            Pattern.compile("(?m)^Depends: (linux-image-[0-9][^ ,]*-cloud-amd64)");
    private static final String HELP =
            "; pass files instead: demo --linux --kernel BZIMAGE --busybox STATIC_BUSYBOX";
    private static final int MINUTES = 10;

    private DebianPackages() {}

    /** Where kernels and busyboxes are kept. */
    public static Path cache() throws IOException {
        return Files.createDirectories(UserCache.folder("guests"));
    }

    static Path kernel(Path cache, Progress p) throws IOException, InterruptedException {
        Path at = cache.resolve(KERNEL_META);
        Path found = find(at, "vmlinuz-");
        if (found == null) {
            Matcher m = DEPENDS.matcher(run(cache, "apt-cache", "show", KERNEL_META));
            if (!m.find()) {
                throw new IOException(
                        "apt knows no package " + KERNEL_META + " (try `apt-get update`)" + HELP);
            }
            String name = m.group(1);
            // Debian's signed kernel package holds the plain bzImage as well.
            fetch(at, name, p);
            found = find(at, "vmlinuz-");
        }
        if (found == null) {
            throw new IOException("no vmlinuz in the package below " + at + HELP);
        }
        return found;
    }

    static Path busybox(Path cache, Progress p) throws IOException, InterruptedException {
        Path at = cache.resolve(BUSYBOX);
        Path found = find(at, "busybox");
        if (found == null) {
            fetch(at, BUSYBOX, p);
            found = find(at, "busybox");
        }
        if (found == null) {
            throw new IOException("no busybox in the package below " + at + HELP);
        }
        return found;
    }

    private static @Nullable Path find(Path root, String prefix) throws IOException {
        if (!Files.isDirectory(root)) {
            return null;
        }
        try (Stream<Path> s = Files.walk(root)) {
            return s.filter(f ->
                            Files.isRegularFile(f)
                                    && f.getFileName().toString().startsWith(prefix)
                                    && !f.toString().contains("/share/"))
                    .findFirst()
                    .orElse(null);
        }
    }

    private static void fetch(Path at, String name, Progress p)
            throws IOException, InterruptedException {
        p.say("fetching Debian's package " + name + " ...");
        Path t = Files.createTempDirectory(at.getParent(), at.getFileName() + "-");
        try {
            unpack(t, name);
            publish(t, at);
        } finally {
            if (Files.exists(t)) {
                FileTree.remove(t);
            }
        }
    }

    private static void unpack(Path t, String name) throws IOException, InterruptedException {
        run(t, "apt-get", "download", name);
        try (Stream<Path> s = Files.list(t)) {
            Path deb =
                    s.filter(f -> f.toString().endsWith(".deb"))
                            .findFirst()
                            .orElseThrow(
                                    () -> new IOException("apt-get downloaded nothing" + HELP));
            run(t, "dpkg-deb", "-x", deb.toString(), t.resolve("files").toString());
            Files.delete(deb);
        }
    }

    /** Others may fetch the same at the same time: the first one's is taken by all. */
    static void publish(Path fetched, Path at) throws IOException {
        try {
            Files.move(fetched, at, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileSystemException e) {
            if (!Files.isDirectory(at)) {
                throw e;
            }
        }
    }

    private static String run(Path dir, String... command)
            throws IOException, InterruptedException {
        Process x;
        Path log = Files.createTempFile("faultline", ".log");
        try {
            try {
                x =
                        new ProcessBuilder(List.of(command))
                                .directory(dir.toFile())
                                .redirectErrorStream(true)
                                .redirectOutput(log.toFile())
                                .start();
            } catch (IOException e) {
                throw new IOException("this host has no " + command[0] + HELP, e);
            }
            if (!x.waitFor(MINUTES, TimeUnit.MINUTES)) {
                x.destroyForcibly();
                throw new IOException(
                        String.format(
                                Locale.ROOT,
                                "%s took over %d minutes%s",
                                command[0],
                                MINUTES,
                                HELP));
            }
            String text = Files.readString(log, StandardCharsets.UTF_8);
            if (x.exitValue() != 0) {
                throw new IOException(
                        "`%s` failed: %s%s"
                                .formatted(String.join(" ", command), OneLine.of(text), HELP));
            }
            return text;
        } finally {
            Files.deleteIfExists(log);
        }
    }
}
