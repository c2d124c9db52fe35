// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.engines;

import dev.faultline.bench.BenchException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The loops of {@code src/main/guest/engines.c}, one in each process: what the process uses between
 * the two lines that the guest sends, so without its start.
 */
final class Loops {
    static final String GROUP = "loops";
    static final List<String> NAMES =
            List.of(
                    "xorshift",
                    "crc",
                    "copy",
                    "repcopy",
                    "sieve",
                    "fib",
                    "branch",
                    "sort",
                    "hash",
                    "chase",
                    "bytecode",
                    "matrix",
                    "packed");

    private static final int MEMORY_MIB = 64;
    private static final int EXIT_OK = 1; // (0 << 1) | 1

    private Loops() {}

    /** What a process uses before its guest does anything: a comparison for people. */
    static Work start() {
        return new Work("start", "start of a guest");
    }

    static List<Work> works(List<String> names) {
        List<Work> w = new ArrayList<>();
        names.forEach(n -> w.add(new Work(GROUP, n)));
        return w;
    }

    /** Compiles the guest; returns where it is. Its name is short for the threads' sake. */
    static Path build(Lab lab) throws BenchException, IOException, InterruptedException {
        Path guest = lab.top().resolve("bench/src/main/guest");
        Path to = lab.scratch().resolve("loops");
        Commands.run(
                lab.scratch(),
                "install gcc and binutils",
                lab.top().resolve("bundles/dev.faultline.shell/src/main/guest/link-guest.sh"),
                to,
                guest.resolve("engines.c"),
                guest.resolve("floatloops.c"),
                guest.resolve("kernels.S"));
        return to;
    }

    /**
     * @param start gets what each process has used until its guest says that it begins
     */
    static void round(Lab lab, int round, Path image, List<Work> works, Work start)
            throws IOException, InterruptedException {
        for (Work w : works) {
            for (Engine e : lab.order(round)) {
                if (w.wants(e)) {
                    try {
                        run(lab, image, w, e, start);
                    } catch (BenchException x) {
                        w.failed(e, x.getMessage());
                        lab.say("%s, %s: %s", w.name, e.label(), x.getMessage());
                    }
                }
            }
        }
    }

    private static void run(Lab lab, Path image, Work w, Engine e, Work start)
            throws BenchException, IOException, InterruptedException {
        try (Running r = lab.start(e, new Guest(image, null, w.name, MEMORY_MIB))) {
            r.await("<begin " + w.name + ">");
            Cpu begin = r.cpu();
            r.await("<end " + w.name + " result=");
            String result = r.await(">");
            Cpu used = r.cpu().since(begin);
            // Until now the guest waits, so that there is a process to be looked at.
            r.send("end");
            double total = r.end(EXIT_OK);
            w.result(e, result);
            if (w.wants(e)) {
                w.add(e, used.process());
                w.also(e, "vcpuSeconds", used.vcpu());
                start.add(e, begin.process());
                w.also(e, "wholeProcessSeconds", total);
                lab.say("%s, %s: %.2f s", w.name, e.label(), used.process());
            }
        }
    }
}
