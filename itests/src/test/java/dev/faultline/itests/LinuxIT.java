// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * An unmodified Debian kernel gives the same answers with every page protected as with none.
 * Skipped where its packages cannot be had.
 */
class LinuxIT {
    /** Short, and each answer is known beforehand or compared between the runs. */
    static final String SCRIPT =
            "uname -sm; echo faultline | sha256sum; dd if=/dev/zero bs=64k count=8 2>/dev/null | tr '\\0' x >/tmp/a;"
                    + " sha256sum </tmp/a; gzip -c /tmp/a | gunzip -c | cmp - /tmp/a && echo same;"
                    + " awk 'BEGIN { for (i = 1; i <= 500; i++) s += 1 / i / i; printf \"%.12f\", s }'; echo;"
                    + " echo '<e''nd>'\\n";

    static final List<String> TRUTH =
            List.of(
                    "Linux x86_64",
                    "f03c8eff247b1ccfe0a6fb776f2298574de7f7327b71467b0684fa7f64ced46b  -",
                    "ec8bb338811bbf800a8b5e507d06e08a1d9d05bde74294f6f7388f3bbfba82e5  -",
                    "same",
                    "1.642936065515");

    /**
     * Its watchdogs judge by the clock: on a busy host they complain of processors that were not
     * run, on the console and among the answers.
     */
    static final String KERNEL =
            "console=ttyS0 quiet panic=-1 rdinit=/init nowatchdog rcupdate.rcu_cpu_stall_suppress=1";

    @TempDir Path scratch;

    @Test
    void protectionStyleAndEngineNeverChangeLinuxsAnswers() throws Exception {
        List<String> files = files(scratch);

        String none = answers(files, "none", "coded", "interpreter");
        assertThat(none).contains(TRUTH);

        assertThat(answers(files, "all", "coded", "interpreter")).isEqualTo(none);
        assertThat(answers(files, "random:7", "thrown", "translator")).isEqualTo(none);
        assertThat(answers(files, "none", "coded", "translator")).isEqualTo(none);
    }

    /**
     * Work on two processors at once; what they say is fixed, and they have talked to each other.
     */
    @ParameterizedTest
    @ValueSource(strings = {"interpreter", "translator"})
    void linuxRunsOnTwoProcessors(String engine) throws Exception {
        List<String> files = files(scratch);
        String script =
                "nproc; cat /sys/devices/system/cpu/online; mount -t proc p /proc 2>/dev/null;"
                        + " for c in 1 2 3 4; do gzip -c /bin/busybox | gunzip -c"
                        + " | cmp - /bin/busybox && echo same & done; wait;"
                        + " grep -E '^ *(RES|CAL):' /proc/interrupts; echo '<e''nd>'\\n";
        Processes.Result r =
                Program.run(
                        Program.COMPILED,
                        scratch,
                        "run",
                        files.get(0),
                        "--initrd",
                        files.get(1),
                        "--append",
                        KERNEL,
                        "--engine",
                        engine,
                        "--memory",
                        "128M",
                        "--vcpus",
                        "2",
                        "--input-when",
                        "faultline# =" + script,
                        "--stop-when",
                        "<end>");

        assertThat(r.code()).as(r.err() + r.out()).isZero();
        String out = r.out().replace("\r", "");
        assertThat(out).contains("\n2\n0-1\n");
        assertThat(out.lines().filter("same"::equals)).hasSize(4);
        assertThat(out)
                .containsPattern("RES: +[0-9]+ +[0-9]+ ")
                .containsPattern("CAL: +(0 +)?[1-9]");
    }

    /** Kernel and initramfs; aborts the test where they cannot be had. */
    static List<String> files(Path scratch) throws Exception {
        Map<String, String> environment = Map.of("FAULTLINE_CACHE", cache());
        Processes.Result fetched =
                Program.run(environment, scratch, "demo", "--linux", "--fetch-only");
        assumeTrue(fetched.code() == 0, () -> "no Linux to test: " + fetched.err().strip());
        return fetched.out().strip().lines().toList();
    }

    /** The user's, which outlives the checkout: a kernel is not fetched for every test run. */
    private static String cache() {
        String own = System.getenv("XDG_CACHE_HOME");
        Path home =
                own == null || own.isBlank()
                        ? Path.of(System.getProperty("user.home"), ".cache")
                        : Path.of(own);
        return home.resolve("faultline").toString();
    }

    private String answers(List<String> files, String protect, String style, String engine)
            throws Exception {
        Path json = scratch.resolve("run.json");
        Processes.Result r =
                Program.run(
                        Program.COMPILED,
                        scratch,
                        "run",
                        files.get(0),
                        "--initrd",
                        files.get(1),
                        "--append",
                        KERNEL,
                        "--engine",
                        engine,
                        "--memory",
                        "128M",
                        "--protect",
                        protect,
                        "--fault-style",
                        style,
                        "--input-when",
                        "faultline# =" + SCRIPT,
                        "--stop-when",
                        "<end>",
                        "--json",
                        json);
        String what = protect + ", " + style + ", " + engine;
        assertThat(r.code()).as(what + ": " + r.err() + r.out()).isZero();
        System.out.printf(
                "Linux, --protect %s: %,d instructions, %,d faults%n",
                what, Program.number(json, "instructions"), Program.number(json, "total"));
        if (!protect.equals("none")) {
            assertThat(Program.number(json, "DATA")).isPositive();
            assertThat(Program.number(json, "FETCH")).isPositive();
            assertThat(Program.number(json, "PAGE_WALK")).isPositive();
        }
        // Before the answers stands the echo of the script, and after them perhaps the next prompt.
        String out = r.out().replace("\r", "");
        return out.substring(out.lastIndexOf("Linux x86_64"), out.lastIndexOf("<end>"));
    }
}
