// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.gogo;

import static dev.faultline.shell.internal.gogo.CommandFailed.orLine;

import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.shell.internal.Sizes;
import java.nio.file.Path;
import java.util.Locale;
import org.apache.felix.service.command.Descriptor;
import org.apache.felix.service.command.Parameter;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** {@code vm:snapshot save|restore|list}. */
@Component(
        service = SnapshotCommands.class,
        property = {"osgi.command.scope=vm", "osgi.command.function=snapshot"})
public final class SnapshotCommands {
    private static final String USE = "expected save NAME DIR, restore DIR or list DIR";
    private final Guests guests;

    @Activate
    public SnapshotCommands(@Reference Guests guests) {
        this.guests = guests;
    }

    @Descriptor(
            "snapshot save NAME DIR: saves a machine; restore DIR: resumes one in the background; list DIR: lists them")
    public String snapshot(
            @Descriptor("save: let the guest run meanwhile, and learn what it writes afterwards")
                    @Parameter(
                            names = "--live",
                            presentValue = "true",
                            absentValue = "false")
                    boolean live,
            @Descriptor("save: store only what changed since the last --live, or the restore")
                    @Parameter(
                            names = "--incremental",
                            presentValue = "true",
                            absentValue = "false")
                    boolean incremental,
            @Descriptor("restore: eager, lazy or recorded (default lazy)")
                    @Parameter(names = "--mode", absentValue = "lazy")
                    String mode,
            @Descriptor("restore: name of the machine (default: as it was saved)")
                    @Parameter(names = "--name", absentValue = "")
                    String name,
            @Descriptor("save, restore or list") String verb,
            @Descriptor("save: machine and directory; restore and list: directory")
                    String... arguments) {
        return orLine(() -> {
            return switch (verb) {
                case "save" ->
                        save(
                                count(verb, arguments, 2)[0],
                                Path.of(arguments[1]),
                                new SaveOptions(Compression.LZ4, incremental, live, live));
                case "restore" -> restore(Path.of(count(verb, arguments, 1)[0]), mode(mode), name);
                case "list" -> list(Path.of(count(verb, arguments, 1)[0]));
                default -> throw new IllegalArgumentException("'" + verb + "': " + USE);
            };
        });
    }

    private static String[] count(String verb, String[] arguments, int n) {
        if (arguments.length != n) {
            throw new IllegalArgumentException(
                    "snapshot %s with %d arguments: %s".formatted(verb, arguments.length, USE));
        }
        return arguments;
    }

    private static RestoreMode mode(String s) {
        for (RestoreMode m : RestoreMode.values()) {
            if (m.name().equalsIgnoreCase(s)) {
                return m;
            }
        }
        throw new IllegalArgumentException("--mode " + s + ": expected eager, lazy or recorded");
    }

    private String save(String name, Path dir, SaveOptions options) throws MachineException {
        SnapshotInfo i =
                guests.snapshots().save(guests.get(name).machine(), dir, options, f -> {});
        return "saved %s to %s: %s, %,d pages, of them %,d zero; the guest stood %s"
                .formatted(
                        name,
                        dir,
                        Sizes.bytes(i.bytes()),
                        i.pages(),
                        i.zeroPages(),
                        Sizes.millis(Sizes.millis(i.pauseNanos())));
    }

    private String restore(Path dir, RestoreMode mode, String name) throws MachineException {
        SnapshotService snapshots = guests.snapshots();
        MachineConfig saved = snapshots.info(dir).config();
        String wanted = name.isBlank() ? guests.free(saved.name()) : name;
        Guest g =
                guests.create(
                        new MachineConfig(
                                wanted, saved.ramBytes(), saved.vcpus(), "", "", saved.devices()));
        try {
            g.restored(snapshots.restore(dir, g.machine(), mode));
            g.machine().start();
        } catch (MachineException | RuntimeException e) {
            guests.remove(g);
            throw e;
        }
        return wanted + " runs, restored " + mode.name().toLowerCase(Locale.ROOT);
    }

    private String list(Path dir) throws MachineException {
        Table t = new Table("NAME", "MACHINE", "SAVED", "RAM>", "ON DISK>", "RECORDED");
        for (SnapshotService.Listed l : guests.snapshots().list(dir)) {
            SnapshotInfo i = l.info();
            if (l.error() != null) {
                t.row(l.dir().getFileName(), "unreadable: " + l.error(), "", "", "", "");
            } else {
                t.row(
                        l.dir().getFileName(),
                        i.config().name(),
                        i.created(),
                        Sizes.bytes(i.config().ramBytes()),
                        Sizes.bytes(i.bytes()),
                        i.recorded() ? "yes" : "no");
            }
        }
        return t.isEmpty() ? "no snapshots in " + dir : t.toString();
    }
}
