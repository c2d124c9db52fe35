// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.guest;

import dev.faultline.api.vm.MachineConfig;
import dev.faultline.shell.internal.cli.Progress;
import dev.faultline.shell.internal.cli.Services;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Debian's cloud kernel with busybox in an initramfs made here. The packages are fetched by name
 * with {@code apt-get download} into a cache, or files are given.
 *
 * @param kernel a bzImage
 * @param initrd a newc archive
 */
public record LinuxGuest(Path kernel, Path initrd) implements DemoGuest {
    private static final String PROMPT = "faultline# ";
    private static final String END = "<end>";
    private static final int EIGHT_MIB = 8 << 20;
    private static final String MARKER = "echo '<e''nd>'";
    private static final Duration LIMIT = Duration.ofMinutes(10);

    /**
     * @param kernel null: Debian's
     * @param busybox null: Debian's
     */
    public static LinuxGuest prepare(
            Services services, @Nullable Path kernel, @Nullable Path busybox)
            throws IOException, InterruptedException {
        Progress p = new Progress(services.err());
        Path cache = DebianPackages.cache();
        Path k = kernel != null ? kernel : DebianPackages.kernel(cache, p);
        Path b = busybox != null ? busybox : DebianPackages.busybox(cache, p);
        if (!Files.isRegularFile(k)) {
            throw new IOException(k + " is not a kernel file");
        }
        if (!Files.isRegularFile(b)) {
            throw new IOException(b + " is not a busybox binary");
        }
        Path initrd = cache.resolve("demo-initrd.cpio");
        Initramfs.write(initrd, b, init());
        return new LinuxGuest(k, initrd);
    }

    private static String init() {
        return """
        #!/bin/busybox sh
        /bin/busybox mkdir -p /proc /sys /tmp /dev
        /bin/busybox mount -t proc proc /proc
        /bin/busybox mount -t sysfs sysfs /sys
        /bin/busybox mount -t tmpfs tmpfs /tmp
        /bin/busybox mount -t devtmpfs devtmpfs /dev
        /bin/busybox --install -s /bin
        export PATH=/bin
        export PS1='%s'
        stty -F /dev/ttyS0 cols 500
        echo "init done"
        exec setsid sh -c 'exec sh -i </dev/ttyS0 >/dev/ttyS0 2>&1'
        """
                .formatted(PROMPT);
    }

    @Override
    public String name() {
        return "linux";
    }

    @Override
    public MachineConfig.Boot boot() {
        return new MachineConfig.Boot(
                kernel, List.of(initrd), "console=ttyS0 panic=-1 rdinit=/init");
    }

    @Override
    public String readyText() {
        return PROMPT;
    }

    @Override
    public String readyEnd() {
        return "";
    }

    @Override
    public Duration bootLimit() {
        return LIMIT;
    }

    @Override
    public List<Request> requests() {
        String sha = sha256(EIGHT_MIB);
        return List.of(
                line("uname -a", "Linux"),
                line("cat /proc/cpuinfo | grep -v MHz", "Faultline"),
                line("dmesg | head -n 3 | sed 's/^.*] //'", "Linux version"),
                line(
                        "dd if=/dev/zero bs=1M count=8 2>/dev/null | tr '\\0' 'x' >/a; sha256sum /a",
                        sha),
                line("gzip -c /a | gunzip -c | sha256sum", sha),
                line("gzip -c /a | gunzip -c | cmp - /a && echo same", "same"),
                line(
                        "awk 'BEGIN { for (i = 1; i <= 1000; i++) s += 1 / i / i; printf \"%.12f\\n\", s * 6 }'",
                        baselSum()),
                line("ls /bin | wc -l; rm /a", ""));
    }

    /** Of {@code n} times the letter x, by the host. */
    private static String sha256(int n) {
        byte[] b = new byte[n];
        Arrays.fill(b, (byte) 'x');
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(b));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    private static String baselSum() {
        double s = 0;
        for (int i = 1; i <= 1000; i++) {
            s += 1.0 / i / i;
        }
        return String.format(Locale.ROOT, "%.12f", s * 6);
    }

    /** A line of shell and what a right answer has in it. */
    public static Request line(String s, String expected) {
        // The marker is written so that its echo does not look like it.
        return new Request(s + "; " + MARKER + "\n", END, LIMIT, expected);
    }

    @Override
    public @Nullable Set<Long> volatilePages(String bootOutput) {
        return null;
    }

    @Override
    public String normalise(String answer) {
        // Before the output stands the echo of the line, in as many copies as the terminal and the
        // shell made.
        String s = answer.replace("\r", "");
        int echo = s.lastIndexOf(MARKER + "\n");
        return (echo < 0 ? s : s.substring(echo + MARKER.length() + 1)).strip();
    }

    @Override
    public void close() {}
}
