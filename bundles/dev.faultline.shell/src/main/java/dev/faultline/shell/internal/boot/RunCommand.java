// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.boot;

import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.UsageException;
import dev.faultline.shell.internal.run.BootOptions;
import dev.faultline.shell.internal.run.RunOptions;
import dev.faultline.shell.internal.run.RunSession;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code run IMAGE}: boots a guest, or resumes its boot. */
@Command(
        name = "run",
        description = "Runs a guest: a Linux bzImage, a multiboot or PVH ELF, or a flat binary.")
public final class RunCommand implements Callable<Integer> {
    private final Services services;
    @Mixin private BootOptions boot;
    @Mixin private BootCacheOptions cache;
    @Mixin private RunOptions options;

    RunCommand(Services services) {
        this.services = services;
    }

    @Override
    public Integer call() throws Exception {
        options.check();
        cache.check();
        if (cache.wanted(services.bootCache()) && mayResume()) {
            return new CachedBoot(services, boot, options, cache.when()).run();
        }
        try (RunSession session =
                new RunSession(services, boot.create(services, options), options)) {
            return session.boot(boot);
        }
    }

    /**
     * A snapshot that refers to an entry would be lost with it.
     *
     * @throws UsageException if the person asked for both
     */
    private boolean mayResume() {
        if (options.savesIncrementally() && cache.asked()) {
            throw new UsageException(
                    "--snapshot-incremental would refer to an entry of the boot cache, which may be removed at any time: leave out one of --snapshot-incremental and --boot-cache");
        }
        return !options.savesIncrementally();
    }
}
