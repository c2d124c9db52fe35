// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.engines;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What runs a guest: a program and its options. */
enum Engine {
    INTERPRETER("-vcpu0"),
    TRANSLATOR("-vcpu0"),
    TCG("CPU 0/TCG");

    /**
     * What our CPU model has and TCG knows, so that guests take the same paths: SSE4.2 without AVX,
     * carry-less products, the small instructions beside them, SMEP, SMAP and UMIP. Without ERMS
     * and FSRM, which ours has: they say that REP MOVSB is fast, and TCG's is not.
     */
    static final String TCG_CPU =
            "Nehalem,+pclmulqdq,+movbe,+abm,+adx,+fsgsbase,+smep,+smap,+umip,+rdtscp,"
                    + "+pdpe1gb,+arat";

    private final String vcpuThread;

    Engine(String vcpuThread) {
        this.vcpuThread = vcpuThread;
    }

    String label() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }

    /** A part of the name of the thread that runs the guest's only processor. */
    String vcpuThread() {
        return vcpuThread;
    }

    /**
     * @param faultline our program
     * @param qemu QEMU's
     */
    List<String> command(Guest g, Path faultline, Path qemu) {
        return this == TCG ? qemu(g, qemu) : faultline(g, faultline);
    }

    private List<String> faultline(Guest g, Path program) {
        List<String> c = new ArrayList<>(List.of(program.toString(), "run", g.image().toString()));
        c.addAll(List.of("--engine", label(), "--memory", g.memoryMib() + "M"));
        c.addAll(List.of("--append", g.commandLine(), "--no-boot-cache", "--on-reset", "stop"));
        if (g.initrd() != null) {
            c.addAll(List.of("--initrd", g.initrd().toString()));
        }
        return c;
    }

    private static List<String> qemu(Guest g, Path program) {
        List<String> c = new ArrayList<>(List.of(program.toString(), "-accel", "tcg"));
        c.addAll(List.of("-cpu", TCG_CPU, "-smp", "1", "-m", g.memoryMib() + "M"));
        c.addAll(List.of("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"));
        c.addAll(List.of("-serial", "stdio", "-name", "bench,debug-threads=on"));
        c.addAll(List.of("-device", "isa-debug-exit,iobase=0xf4,iosize=1"));
        c.addAll(List.of("-kernel", g.image().toString(), "-append", g.commandLine()));
        if (g.initrd() != null) {
            c.addAll(List.of("-initrd", g.initrd().toString()));
        }
        return c;
    }
}
