// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.guest;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * Writes an initramfs (cpio, format newc; Linux documentation "initramfs buffer format"): busybox,
 * an init script, a console. Reproducible.
 */
final class Initramfs {
    private static final int DIRECTORY = 0040755;
    private static final int EXECUTABLE = 0100755;
    private static final int LINK = 0120777;
    private static final int DEVICE = 0020600;

    private final OutputStream out;
    private long written;
    private int inode = 1;

    private Initramfs(OutputStream out) {
        this.out = out;
    }

    /** Others may write the same file, and start guests with it, at the same time. */
    static void write(Path to, Path busybox, String init) throws IOException {
        Path t =
                Files.createTempFile(
                        to.toAbsolutePath().getParent(), to.getFileName().toString(), ".new");
        try {
            write(busybox, init, t);
            Files.move(t, to, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(t);
        }
    }

    private static void write(Path busybox, String init, Path to) throws IOException {
        try (OutputStream o = new BufferedOutputStream(Files.newOutputStream(to))) {
            Initramfs a = new Initramfs(o);
            for (String d : new String[] {"bin", "dev", "proc", "sys", "tmp", "root"}) {
                a.entry(d, DIRECTORY, new byte[0], 0, 0);
            }
            a.entry("dev/console", DEVICE, new byte[0], 5, 1);
            a.entry("bin/busybox", EXECUTABLE, Files.readAllBytes(busybox), 0, 0);
            a.entry("bin/sh", LINK, "busybox".getBytes(StandardCharsets.US_ASCII), 0, 0);
            a.entry("init", EXECUTABLE, init.getBytes(StandardCharsets.UTF_8), 0, 0);
            a.entry("TRAILER!!!", 0, new byte[0], 0, 0);
        }
    }

    private void entry(String name, int mode, byte[] data, int major, int minor)
            throws IOException {
        byte[] n = (name + "\0").getBytes(StandardCharsets.US_ASCII);
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
}
