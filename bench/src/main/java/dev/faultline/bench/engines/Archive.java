// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.engines;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * An initramfs (cpio, format newc; Linux documentation "initramfs buffer format"). All files belong
 * to root, whoever makes it. /lib, /bin and /sbin go into /usr, as a Debian has them.
 */
final class Archive implements AutoCloseable {
    private static final int DIRECTORY = 0040755;
    private static final int FILE = 0100644;
    private static final int EXECUTABLE = 0100755;
    private static final int LINK = 0120777;
    private static final int DEVICE = 0020600;

    /** Of no use to programs that run once. */
    private static final List<String> LEFT_OUT =
            List.of(
                    "usr/share/doc",
                    "usr/share/man",
                    "usr/share/info",
                    "usr/share/locale",
                    "usr/share/i18n",
                    "usr/lib/x86_64-linux-gnu/gconv",
                    "usr/share/lintian",
                    "usr/share/bug",
                    "usr/share/fonts",
                    "usr/share/zoneinfo",
                    "usr/share/icons",
                    "var",
                    "boot");

    private static final List<String> MERGED = List.of("bin", "sbin", "lib", "lib64");

    private final OutputStream out;
    private final Set<String> names = new HashSet<>();
    private long written;
    private int inode = 1;

    Archive(Path to) throws IOException {
        out = new BufferedOutputStream(Files.newOutputStream(to), 1 << 20);
        for (String d : new String[] {"dev", "proc", "sys", "tmp", "root", "usr"}) {
            entry(d, DIRECTORY, new byte[0], 0, 0);
        }
        for (String d : MERGED) {
            entry("usr/" + d, DIRECTORY, new byte[0], 0, 0);
            link(d, "usr/" + d);
        }
        entry("dev/console", DEVICE, new byte[0], 5, 1);
    }

    void link(String name, String target) throws IOException {
        entry(name, LINK, target.getBytes(StandardCharsets.UTF_8), 0, 0);
    }

    void directory(String name) throws IOException {
        entry(name, DIRECTORY, new byte[0], 0, 0);
    }

    void file(String name, Path from) throws IOException {
        entry(name, Files.isExecutable(from) ? EXECUTABLE : FILE, Files.readAllBytes(from), 0, 0);
    }

    /** All files below a folder but documentation and the like. */
    void tree(Path root) throws IOException {
        try (Stream<Path> s = Files.walk(root)) {
            for (Path p : s.sorted().toList()) {
                String name = root.relativize(p).toString();
                if (name.isEmpty() || isLeftOut(name) || MERGED.contains(name)) {
                    continue;
                }
                String merged =
                        MERGED.contains(p.getName(root.getNameCount()).toString())
                                ? "usr/" + name
                                : name;
                if (!names.add(merged)) {
                    continue;
                }
                if (Files.isSymbolicLink(p)) {
                    link(merged, Files.readSymbolicLink(p).toString());
                } else if (Files.isDirectory(p)) {
                    directory(merged);
                } else {
                    file(merged, p);
                }
            }
        }
    }

    private static boolean isLeftOut(String name) {
        return LEFT_OUT.stream().anyMatch(x -> name.equals(x) || name.startsWith(x + "/"));
    }

    private void entry(String name, int mode, byte[] data, int major, int minor)
            throws IOException {
        names.add(name);
        byte[] n = (name + "\0").getBytes(StandardCharsets.UTF_8);
        int[] fields = {inode++, mode, 0, 0, 1, 0, data.length, 0, 0, major, minor, n.length, 0};
        StringBuilder h = new StringBuilder("070701");
        for (int f : fields) {
            h.append("%08x".formatted(f));
        }
        put(h.toString().getBytes(StandardCharsets.US_ASCII));
        put(n);
        pad();
        put(data);
        pad();
    }

    private void put(byte[] b) throws IOException {
        out.write(b);
        written += b.length;
    }

    private void pad() throws IOException {
        while (written % 4 != 0) {
            out.write(0);
            written++;
        }
    }

    @Override
    public void close() throws IOException {
        entry("TRAILER!!!", 0, new byte[0], 0, 0);
        out.close();
    }
}
