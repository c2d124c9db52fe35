// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code run IMAGE}: boots a guest. */
@Command(
        name = "run",
        description = "Runs a guest: a Linux bzImage, a multiboot ELF or a flat binary.")
final class RunCommand implements Callable<Integer> {
    private final Services services;

    @Parameters(paramLabel = "IMAGE", description = "what to boot, told apart by content")
    private Path image;

    @Option(
            names = "--initrd",
            paramLabel = "FILE",
            description = "initrd; for multiboot images a module (repeatable)")
    private List<Path> initrd = new ArrayList<>();

    @Option(
            names = "--append",
            paramLabel = "TEXT",
            description = "kernel command line",
            defaultValue = "")
    private String append;

    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            description = "guest RAM (default: ${DEFAULT-VALUE})",
            defaultValue = "512M",
            converter = Sizes.Converter.class)
    private long memory;

    @Option(names = "--vcpus", paramLabel = "N", description = "virtual CPUs", defaultValue = "1")
    private int vcpus;

    @Option(
            names = "--device",
            paramLabel = "NAME",
            description = "add a device that a bundle offers")
    private List<String> devices = new ArrayList<>();

    @Mixin private RunOptions options;

    RunCommand(Services services) {
        this.services = services;
    }

    @Override
    public Integer call() throws Exception {
        options.check();
        MachineConfig config =
                new MachineConfig(
                        name(image), memory, vcpus, options.engine, options.faultStyle, devices);
        try (Machine machine = services.machines().create(config);
                RunSession session = new RunSession(services, machine, options)) {
            session.prepare();
            machine.boot(new MachineConfig.Boot(image, initrd, append));
            session.protect();
            return session.run(null);
        }
    }

    private static String name(Path image) throws IOException {
        Path n = image.getFileName();
        if (n == null) {
            throw new IOException(image + " is a directory, not a guest image");
        }
        return n.toString();
    }
}
