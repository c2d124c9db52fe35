// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.engines;

import dev.faultline.bench.BenchException;
import dev.faultline.bench.CachedGuests;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Debian's cloud kernel to the prompt of a shell, and off: what the process, and its thread for the
 * guest's processor, use until the prompt, the start of the process with it.
 */
final class Boot {
    static final String GROUP = "boot";
    static final String PROCESS = "linux";
    static final String VCPU = "linux, vCPU";

    /**
     * Without mitigations: each engine's processor would ask for others, and none of the faults
     * that they are against is in an emulator.
     */
    static final String COMMAND_LINE = "console=ttyS0 panic=-1 rdinit=/init mitigations=off";

    private static final int MEMORY_MIB = 512;

    private Boot() {}

    static List<Work> works() {
        return List.of(new Work(GROUP, PROCESS), new Work(GROUP, VCPU));
    }

    /** A link to the kernel of {@code demo --linux}, which is fetched if it was not. */
    static Path kernel(Lab lab) throws BenchException, IOException, InterruptedException {
        Path k = CachedGuests.kernel();
        if (k == null || !Files.exists(CachedGuests.initrd())) {
            lab.say("fetching a kernel and a busybox ...");
            Commands.run(
                    lab.scratch(),
                    "it needs apt and a network once",
                    lab.faultline(),
                    "demo",
                    "--linux",
                    "--fetch-only");
            k = CachedGuests.kernel();
        }
        if (k == null) {
            throw new BenchException(
                    "`demo --linux --fetch-only` cached no kernel; run it by hand");
        }
        // Our machine and its threads are named after the image, and Linux keeps 15 letters of
        // that.
        return Files.createSymbolicLink(lab.scratch().resolve("linux"), k.toAbsolutePath());
    }

    static void round(Lab lab, int round, Path kernel, List<Work> works)
            throws IOException, InterruptedException {
        Work process = works.get(0);
        Work vcpu = works.get(1);
        for (Engine e : lab.order(round)) {
            if (!process.wants(e)) {
                continue;
            }
            Guest g = new Guest(kernel, CachedGuests.initrd(), COMMAND_LINE, MEMORY_MIB);
            try (Running r = lab.start(e, g)) {
                r.await("faultline# ");
                Cpu used = r.cpu();
                r.send("poweroff -f");
                double total = r.end(0);
                process.add(e, used.process());
                process.also(e, "wholeProcessSeconds", total);
                vcpu.add(e, used.vcpu());
                lab.say("linux, %s: %.2f s, vCPU %.2f s", e.label(), used.process(), used.vcpu());
            } catch (BenchException x) {
                process.failed(e, x.getMessage());
                vcpu.failed(e, x.getMessage());
                lab.say("linux, %s: %s", e.label(), x.getMessage());
            }
        }
    }
}
