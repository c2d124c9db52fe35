// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.snapshot;

import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.UsageException;
import dev.faultline.shell.internal.run.BootOptions;
import dev.faultline.shell.internal.run.RunOptions;
import dev.faultline.shell.internal.run.RunSession;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code snapshot save IMAGE DIR --when TEXT}: boots, saves, ends. */
@Command(name = "save", description = "Boots a guest, saves it when it has sent a text, and ends.")
final class SaveCommand implements Callable<Integer> {
    private final Services services;
    @Mixin private BootOptions boot;

    @Parameters(index = "1", paramLabel = "DIR", description = "where to save it")
    private Path dir;

    @Option(
            names = "--when",
            required = true,
            paramLabel = "TEXT",
            description = "save when the guest has sent TEXT")
    private String when;

    @Mixin private RunOptions options;

    SaveCommand(Services services) {
        this.services = services;
    }

    @Override
    public Integer call() throws Exception {
        if (options.snapshotWhen != null || options.snapshotTo != null) {
            throw new UsageException(
                    "--snapshot-when and --snapshot-to are for run: here it is IMAGE DIR --when TEXT");
        }
        if (options.stopWhen != null) {
            throw new UsageException("--stop-when is for run: this ends when the guest is saved");
        }
        options.snapshotWhen = when;
        options.snapshotTo = dir;
        options.check();
        try (RunSession session =
                new RunSession(services, boot.create(services, options), options)) {
            session.endWhenSaved();
            return session.boot(boot);
        }
    }
}
