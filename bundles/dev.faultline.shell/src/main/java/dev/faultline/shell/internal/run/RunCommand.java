// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.shell.internal.cli.Services;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code run IMAGE}: boots a guest. */
@Command(
        name = "run",
        description = "Runs a guest: a Linux bzImage, a multiboot or PVH ELF, or a flat binary.")
public final class RunCommand implements Callable<Integer> {
    private final Services services;
    @Mixin private BootOptions boot;
    @Mixin private RunOptions options;

    RunCommand(Services services) {
        this.services = services;
    }

    @Override
    public Integer call() throws Exception {
        options.check();
        try (RunSession session =
                new RunSession(services, boot.create(services, options), options)) {
            return session.boot(boot);
        }
    }
}
