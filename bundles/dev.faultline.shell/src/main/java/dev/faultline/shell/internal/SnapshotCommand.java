// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.snapshot.SnapshotService;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code snapshot list|show|verify|compact|delete DIR}. */
@Command(name = "snapshot", description = "Snapshots on disk.")
final class SnapshotCommand implements Runnable {
    private final Services services;
    @Spec private CommandSpec spec;

    SnapshotCommand(Services services) {
        this.services = services;
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "what to do is missing: snapshot list|show|verify|compact|delete DIR");
    }

    @Command(name = "list", description = "The snapshots in a directory.")
    int list(@Parameters(paramLabel = "DIR") Path dir) throws SnapshotException {
        for (SnapshotService.Listed l : services.snapshots().list(dir)) {
            if (l.error() != null) {
                services.out().printf("%-30s  unreadable: %s%n", l.dir().getFileName(), l.error());
            } else {
                SnapshotInfo i = l.info();
                services.out()
                        .printf(
                                "%-30s  %s  RAM %9s  on disk %9s  %s%n",
                                l.dir().getFileName(),
                                i.created(),
                                Sizes.bytes(i.config().ramBytes()),
                                Sizes.bytes(i.bytes()),
                                i.config().name());
            }
        }
        return Root.DONE;
    }

    @Command(name = "show", description = "What a snapshot holds.")
    int show(@Parameters(paramLabel = "DIR") Path dir) throws SnapshotException {
        SnapshotInfo i = services.snapshots().info(dir);
        line("directory", i.dir());
        line("created", i.created());
        line("machine", i.config().name());
        line("RAM", Sizes.bytes(i.config().ramBytes()));
        line("vCPUs", i.config().vcpus());
        line("on disk", Sizes.bytes(i.bytes()));
        line("pages", i.pages() + ", of them all zero " + i.zeroPages());
        line("recorded working set", i.recorded() ? "yes" : "no");
        services.out().println();
        services.out().print(StoredMap.text(services.snapshots().pageMap(dir)));
        return Root.DONE;
    }

    private void line(String key, Object value) {
        services.out().printf("%-22s %s%n", key, value);
    }

    @Command(name = "verify", description = "Reads and checks every page.")
    int verify(@Parameters(paramLabel = "DIR") Path dir) throws SnapshotException {
        Progress p = new Progress(services.err());
        long n = services.snapshots().verify(dir, f -> p.done("verifying", f));
        services.out().println(dir + ": " + n + " pages are good");
        return Root.DONE;
    }

    @Command(
            name = "compact",
            description =
                    "Takes in what the snapshot shares with its parents: it stands alone then.")
    int compact(@Parameters(paramLabel = "DIR") Path dir) throws SnapshotException {
        long before = services.snapshots().info(dir).bytes();
        Progress p = new Progress(services.err());
        SnapshotInfo i = services.snapshots().compact(dir, f -> p.done("compacting", f));
        services.out()
                .println(
                        "%s stands alone: %s, before %s"
                                .formatted(dir, Sizes.bytes(i.bytes()), Sizes.bytes(before)));
        return Root.DONE;
    }

    @Command(name = "delete", description = "Deletes a snapshot.")
    int delete(@Parameters(paramLabel = "DIR") Path dir) throws SnapshotException {
        services.snapshots().delete(dir);
        services.out().println("deleted " + dir);
        return Root.DONE;
    }
}
