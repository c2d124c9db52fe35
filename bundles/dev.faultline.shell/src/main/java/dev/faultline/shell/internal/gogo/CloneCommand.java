// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.gogo;

import static dev.faultline.shell.internal.gogo.CommandFailed.orLine;

import dev.faultline.api.snapshot.CloneBase;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.shell.internal.cli.Place;
import dev.faultline.shell.internal.cli.Sizes;
import org.apache.felix.service.command.Descriptor;
import org.apache.felix.service.command.Parameter;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** {@code vm:clone}. */
@Component(
        service = CloneCommand.class,
        property = {"osgi.command.scope=vm", "osgi.command.function=clone"})
public final class CloneCommand {
    private final Guests guests;

    @Activate
    public CloneCommand(@Reference(name = "guests") Guests guests) {
        this.guests = guests;
    }

    /** Not the one of Object: the shell calls it by its name and arguments. */
    @Descriptor(
            "clone PLACE NAME...: resumes a snapshot as machines of these names, in the background; all clones of a snapshot"
                    + " share the pages that none of them wrote")
    public String clone(
            @Descriptor("eager, lazy or recorded (default lazy)")
                    @Parameter(names = "--mode", absentValue = "lazy")
                    String mode,
            @Descriptor("read in the background what no clone asks for")
                    @Parameter(names = "--complete", presentValue = "true", absentValue = "false")
                    boolean complete,
            @Descriptor("the snapshot: a directory, or a URI such as http://host/dir") String place,
            @Descriptor("of the machines") String... names) {
        return orLine(() -> {
            if (names.length == 0) {
                throw new IllegalArgumentException(
                        "clone " + place + ": expected at least one NAME");
            }
            RestoreMode how = SnapshotCommands.mode(mode);
            // Clones keep what they share; the next clone of this snapshot finds it.
            try (CloneBase base = guests.snapshots().clones(Place.of(place).uri(), how)) {
                for (String name : names) {
                    Guest g = guests.create(name, m -> base.create(m, name).machine());
                    g.machine().start();
                }
                if (complete) {
                    base.completeInBackground();
                }
                return "%s %s; %d of %s run, sharing %s"
                        .formatted(
                                String.join(", ", names),
                                names.length == 1 ? "runs" : "run",
                                base.clones(),
                                place,
                                Sizes.bytes(base.sharedBytes()));
            }
        });
    }
}
