// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.Sizes;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What to boot, and in what machine. */
public final class BootOptions {
    @Parameters(
            index = "0",
            paramLabel = "IMAGE",
            description = "what to boot, told apart by content")
    Path image;

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
            paramLabel = "NAME[,KEY=VALUE...]",
            description = "add a device that a bundle offers, with options (repeatable)")
    private List<String> devices = new ArrayList<>();

    /** A machine for it. */
    public Machine create(Services services, RunOptions options)
            throws IOException, MachineException {
        return services.machines()
                .create(
                        new MachineConfig(
                                name(image),
                                memory,
                                vcpus,
                                options.engine,
                                options.faultStyle,
                                devices));
    }

    public void load(Machine machine) throws MachineException {
        machine.boot(boot());
    }

    /** What is booted. */
    public MachineConfig.Boot boot() {
        return new MachineConfig.Boot(image, initrd, append);
    }

    private static String name(Path image) throws IOException {
        Path n = image.getFileName();
        if (n == null) {
            throw new IOException(image + " is a directory, not a guest image");
        }
        return n.toString();
    }
}
