// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.snapshots;

import dev.faultline.bench.CachedGuests;
import dev.faultline.shell.internal.guest.DemoGuest;
import dev.faultline.shell.internal.guest.KeyedGuest;
import dev.faultline.shell.internal.guest.LinuxGuest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A guest and what it is asked after a restore.
 *
 * @param commandLine instead of the guest's own
 * @param other work on other pages
 */
record Subject(
        String name,
        DemoGuest guest,
        String commandLine,
        long ramBytes,
        List<DemoGuest.Request> work,
        List<DemoGuest.Request> other)
        implements AutoCloseable {
    static final long RAM = 512L << 20;
    private static final Duration LIMIT = Duration.ofMinutes(2);

    /**
     * The embedded guest as in the demo: verifies thousands of records that lie all over its RAM.
     *
     * @param floats terms of a series that it adds up besides: work without pages
     */
    static Subject embedded(String name, long floats) throws IOException {
        KeyedGuest g = KeyedGuest.prepare(RAM);
        List<DemoGuest.Request> work = new ArrayList<>(g.requests());
        if (floats > 0) {
            work.add(keyed("float " + floats, "float " + floats + " sse2="));
        }
        long last = g.keys() - 1;
        List<DemoGuest.Request> other =
                List.of(
                        keyed("sum " + (last - 3000) + " " + last, "count=3001 bad=0"),
                        keyed("scan 500 4711", "bad=0"));
        return new Subject(name, g, g.boot().commandLine(), RAM, work, other);
    }

    private static DemoGuest.Request keyed(String line, String expected) {
        return new DemoGuest.Request(line + "\n", "\n", LIMIT, expected);
    }

    /** Debian's kernel with a shell, as the demo has cached it; null if it has not. */
    static Subject linux() throws IOException {
        Path kernel = CachedGuests.kernel();
        if (kernel == null || !Files.isRegularFile(CachedGuests.initrd())) {
            return null;
        }
        LinuxGuest g = new LinuxGuest(kernel, CachedGuests.initrd());
        List<DemoGuest.Request> work =
                List.of(
                        LinuxGuest.line("uname -s", "Linux"),
                        LinuxGuest.line("cat /proc/cpuinfo | grep -v MHz", "Faultline"),
                        LinuxGuest.line(
                                "ls -lR /sys/devices 2>/dev/null | wc -l >/b; ls /bin | wc -l", ""),
                        LinuxGuest.line(
                                "i=0; while [ $i -lt 20 ]; do echo $i; i=$((i + 1)); done"
                                        + " | gzip | gunzip | tail -n 1",
                                "19"),
                        LinuxGuest.line(
                                "awk 'BEGIN { for (i = 1; i <= 2000; i++) s += 1 / i / i;"
                                        + " printf \"%.6f\\n\", s * 6 }'",
                                "9.866605"),
                        LinuxGuest.line(
                                "dd if=/bin/busybox bs=64k count=3 2>/dev/null | sha256sum", " -"));
        List<DemoGuest.Request> other =
                List.of(
                        LinuxGuest.line("find /proc/sys | wc -l", ""),
                        LinuxGuest.line("dmesg | md5sum | wc -c", "36"));
        return new Subject("linux", g, g.boot().commandLine(), RAM, work, other);
    }

    @Override
    public void close() throws IOException {
        guest.close();
    }
}
