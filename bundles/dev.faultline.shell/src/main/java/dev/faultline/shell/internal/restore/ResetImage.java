// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.restore;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.shell.internal.cli.UsageException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/**
 * What a restored guest boots when it resets its machine. A snapshot does not name files of the
 * host for that: whoever made it must not choose what the guest gets to read.
 */
final class ResetImage {
    @Option(
            names = "--reset-image",
            paramLabel = "IMAGE",
            description = "what the guest boots when it resets its machine; as run's IMAGE")
    private @Nullable Path image;

    @Option(
            names = "--initrd",
            paramLabel = "FILE",
            description = "initrd or module of --reset-image (repeatable)")
    private List<Path> initrd = new ArrayList<>();

    @Option(
            names = "--append",
            paramLabel = "TEXT",
            description = "kernel command line of --reset-image",
            defaultValue = "")
    private String append;

    void check() {
        if (image == null && (!initrd.isEmpty() || !append.isEmpty())) {
            throw new UsageException("--initrd and --append go with --reset-image");
        }
    }

    void tell(Machine machine) {
        if (image != null) {
            machine.bootOnReset(new MachineConfig.Boot(image, initrd, append));
        }
    }
}
