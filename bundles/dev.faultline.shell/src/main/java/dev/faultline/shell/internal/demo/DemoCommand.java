// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.demo;

import dev.faultline.shell.internal.cli.ExitCode;
import dev.faultline.shell.internal.cli.Report;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.Sizes;
import dev.faultline.shell.internal.cli.UsageException;
import dev.faultline.shell.internal.guest.DemoGuest;
import dev.faultline.shell.internal.guest.KeyedGuest;
import dev.faultline.shell.internal.guest.LinuxGuest;
import dev.faultline.shell.internal.picture.SnapshotPicture;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code demo}: the main job. */
@Command(
        name = "demo",
        description =
                "Boots a guest, snapshots it, restores it eagerly, lazily and recorded, and compares.")
public final class DemoCommand implements Callable<Integer> {
    private final Services services;

    @Option(
            names = "--linux",
            description = "boot Debian's cloud kernel with busybox instead of the embedded guest")
    private boolean linux;

    @Option(
            names = "--fetch-only",
            description =
                    "with --linux: fetch kernel and busybox, make the initramfs, print where both are, and end")
    private boolean fetchOnly;

    @Option(
            names = "--kernel",
            paramLabel = "FILE",
            description = "with --linux: this bzImage instead of fetching one")
    private @Nullable Path kernel;

    @Option(
            names = "--busybox",
            paramLabel = "FILE",
            description = "with --linux: this static busybox instead of fetching one")
    private @Nullable Path busybox;

    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            description = "guest RAM (default: ${DEFAULT-VALUE})",
            defaultValue = "512M",
            converter = Sizes.Converter.class)
    private long memory;

    @Option(
            names = "--engine",
            paramLabel = "NAME",
            description = "execution engine",
            defaultValue = "interpreter")
    private String engine;

    @Option(
            names = "--picture",
            paramLabel = "FILE",
            description = "where to draw the pages, a .png or .svg (default: ${DEFAULT-VALUE})",
            defaultValue = "faultline-pages.png")
    private Path picture;

    @Option(names = Report.OPTION, paramLabel = "FILE", description = "write the facts for scripts")
    private @Nullable Path json;

    DemoCommand(Services services) {
        this.services = services;
    }

    @Override
    public Integer call() throws Exception {
        if (!linux && (kernel != null || busybox != null || fetchOnly)) {
            throw new UsageException("--kernel, --busybox and --fetch-only go with --linux");
        }
        SnapshotPicture.checkName(picture);
        if (fetchOnly) {
            LinuxGuest guest = LinuxGuest.prepare(services, kernel, busybox);
            services.out().println(guest.kernel());
            services.out().println(guest.initrd());
            return ExitCode.DONE;
        }
        DemoGuest guest =
                linux ? LinuxGuest.prepare(services, kernel, busybox) : KeyedGuest.prepare(memory);
        try (guest) {
            return new Demo(services, guest, memory, engine, picture).run();
        }
    }
}
