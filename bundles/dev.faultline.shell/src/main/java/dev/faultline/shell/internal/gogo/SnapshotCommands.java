// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.gogo;

import static dev.faultline.shell.internal.gogo.CommandFailed.orLine;

import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.shell.internal.cli.Place;
import dev.faultline.shell.internal.cli.Sizes;
import dev.faultline.shell.internal.picture.SnapshotPicture;
import java.nio.file.Path;
import java.util.Locale;
import org.apache.felix.service.command.Descriptor;
import org.apache.felix.service.command.Parameter;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** {@code vm:snapshot save|restore|attach|list|show|verify|compact|delete|clean}. */
@Component(
        service = SnapshotCommands.class,
        property = {"osgi.command.scope=vm", "osgi.command.function=snapshot"})
public final class SnapshotCommands {
    private static final String USE =
            "expected save NAME DIR, attach NAME DIR|URI, or restore, list, show, verify, compact, delete or clean with a DIR";
    private final Guests guests;

    @Activate
    public SnapshotCommands(@Reference(name = "guests") Guests guests) {
        this.guests = guests;
    }

    @Descriptor(
            "snapshot save NAME DIR: saves a machine; restore DIR|URI: resumes one in the background;"
                    + " attach NAME DIR|URI: a restored machine goes on loading there, and starts if it stood;"
                    + " list DIR: lists them;"
                    + " show DIR: what is in one and where; verify DIR: checks every page;"
                    + " compact DIR: takes in what it shares with its parents; delete DIR: deletes it;"
                    + " clean DIR: deletes what killed saves have left there")
    public String snapshot(
            @Descriptor("save: let the guest run meanwhile, and learn what it writes afterwards")
                    @Parameter(names = "--live", presentValue = "true", absentValue = "false")
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
            @Descriptor("restore, verify: this snapshot and no other, 64 hexadecimal digits")
                    @Parameter(names = "--id", absentValue = "")
                    String id,
            @Descriptor("save: none, lz4 or zstd (default lz4)")
                    @Parameter(names = "--compression", absentValue = "lz4")
                    String compression,
            @Descriptor("save, restore, attach, list, show, verify, compact, delete or clean")
                    String verb,
            @Descriptor("save: machine and directory; else: directory") String... arguments) {
        return orLine(() -> {
            return guests.writing(() ->
                    switch (verb) {
                        case "save" ->
                                save(
                                        count(verb, arguments, 2)[0],
                                        Path.of(arguments[1]),
                                        new SaveOptions(
                                                compression(compression), incremental, live, live));
                        case "restore" ->
                                restore(place(verb, arguments), demanding(mode(mode), id), name);
                        case "attach" ->
                                attach(count(verb, arguments, 2)[0], Place.of(arguments[1]));
                        case "list" -> list(directory(verb, arguments));
                        case "show" -> show(place(verb, arguments));
                        case "verify" -> verify(place(verb, arguments), demanded(id));
                        case "compact" -> compact(directory(verb, arguments));
                        case "delete" -> delete(directory(verb, arguments));
                        case "clean" -> clean(directory(verb, arguments));
                        default -> throw new IllegalArgumentException("'" + verb + "': " + USE);
                    });
        });
    }

    private static Path directory(String verb, String[] arguments) {
        return Path.of(count(verb, arguments, 1)[0]);
    }

    private static Place place(String verb, String[] arguments) {
        return Place.of(count(verb, arguments, 1)[0]);
    }

    private static String[] count(String verb, String[] arguments, int n) {
        if (arguments.length != n) {
            throw new IllegalArgumentException(
                    "snapshot %s with %d arguments: %s".formatted(verb, arguments.length, USE));
        }
        return arguments;
    }

    static RestoreMode mode(String s) {
        for (RestoreMode m : RestoreMode.values()) {
            if (m.name().equalsIgnoreCase(s)) {
                return m;
            }
        }
        throw new IllegalArgumentException("--mode " + s + ": expected eager, lazy or recorded");
    }

    private static RestoreOptions demanding(RestoreMode mode, String id) {
        RestoreOptions how = RestoreOptions.of(mode);
        String wanted = demanded(id);
        return wanted == null ? how : how.demanding(wanted);
    }

    /** Null if none is: any snapshot there will do. */
    private static @Nullable String demanded(String id) {
        return id.isEmpty() ? null : SnapshotInfo.checkedId(id);
    }

    private static SaveOptions.Compression compression(String s) {
        for (SaveOptions.Compression c : SaveOptions.Compression.values()) {
            if (c.name().equalsIgnoreCase(s)) {
                return c;
            }
        }
        throw new IllegalArgumentException("--compression " + s + ": expected none, lz4 or zstd");
    }

    private String save(String name, Path dir, SaveOptions options) throws MachineException {
        SnapshotInfo i = guests.snapshots().save(guests.get(name).machine(), dir, options, f -> {});
        return "saved %s to %s, id %s: %s, %,d pages, of them %,d zero; the guest stood %s"
                .formatted(
                        name,
                        dir,
                        i.id(),
                        Sizes.bytes(i.bytes()),
                        i.pages(),
                        i.zeroPages(),
                        Sizes.millis(Sizes.millis(i.pauseNanos())));
    }

    private String attach(String name, Place place) throws MachineException {
        Guest g = guests.get(name);
        Restored restored = g.restored();
        if (restored == null) {
            throw new MachineException(
                    name + " was not restored from a snapshot by this shell; nothing to attach");
        }
        boolean stood = restored.failure() != null;
        restored.reattach(place.uri());
        if (stood) {
            g.machine().start();
        }
        return "%s loads from %s%s".formatted(name, place, stood ? " and runs again" : "");
    }

    private String show(Place place) throws MachineException {
        SnapshotService snapshots = guests.snapshots();
        SnapshotInfo i = snapshots.info(place.uri());
        SnapshotPicture p = SnapshotPicture.of(snapshots, i, place);
        return "%s: %s of %s, %s on disk, saved %s%nid %s%n%s"
                .formatted(
                        place,
                        i.config().name(),
                        Sizes.bytes(i.config().ramBytes()),
                        Sizes.bytes(i.bytes()),
                        i.created(),
                        i.id(),
                        p.text(System.out))
                .stripTrailing();
    }

    private String verify(Place place, @Nullable String id) throws MachineException {
        return "%s: %,d pages are good"
                .formatted(place, guests.snapshots().verify(place.uri(), id, f -> {}));
    }

    private String compact(Path dir) throws MachineException {
        long before = guests.snapshots().info(dir).bytes();
        SnapshotInfo i = guests.snapshots().compact(dir, f -> {});
        return "%s stands alone: %s, before %s"
                .formatted(dir, Sizes.bytes(i.bytes()), Sizes.bytes(before));
    }

    private String delete(Path dir) throws MachineException {
        guests.snapshots().delete(dir);
        return "deleted " + dir;
    }

    private String clean(Path dir) throws MachineException {
        return "deleted " + guests.snapshots().clean(dir).size() + " unfinished saves in " + dir;
    }

    private String restore(Place place, RestoreOptions options, String name)
            throws MachineException {
        SnapshotService snapshots = guests.snapshots();
        MachineConfig saved = snapshots.info(place.uri()).config();
        String wanted = name.isBlank() ? guests.free(saved.name()) : name;
        Guest g =
                guests.create(
                        new MachineConfig(
                                wanted, saved.ramBytes(), saved.vcpus(), "", "", saved.devices()));
        try {
            g.restored(snapshots.restore(place.uri(), g.machine(), options));
            g.machine().start();
        } catch (MachineException | RuntimeException e) {
            guests.remove(g);
            throw e;
        }
        return wanted + " runs, restored " + options.mode().name().toLowerCase(Locale.ROOT);
    }

    private String list(Path dir) throws MachineException {
        Table t = new Table("NAME", "MACHINE", "SAVED", "RAM>", "ON DISK>", "RECORDED", "ID");
        for (SnapshotService.Listed l : guests.snapshots().list(dir)) {
            SnapshotInfo i = l.info();
            if (i == null) {
                t.row(
                        l.dir().getFileName(),
                        (l.unfinished() ? "unfinished: " : "unreadable: ") + l.error(),
                        "",
                        "",
                        "",
                        "",
                        "");
            } else {
                t.row(
                        l.dir().getFileName(),
                        i.config().name(),
                        i.created(),
                        Sizes.bytes(i.config().ramBytes()),
                        Sizes.bytes(i.bytes()),
                        i.recorded() ? "yes" : "no",
                        i.id());
            }
        }
        return t.isEmpty() ? "no snapshots in " + dir : t.toString();
    }
}
