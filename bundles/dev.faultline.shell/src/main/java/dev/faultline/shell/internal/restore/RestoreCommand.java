// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.restore;

import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.RestoreOptions.Window;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.shell.internal.cli.Place;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.UsageException;
import dev.faultline.shell.internal.run.RunOptions;
import dev.faultline.shell.internal.run.RunSession;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code restore PLACE}: resumes a snapshot. */
@Command(name = "restore", description = "Resumes a snapshot.")
public final class RestoreCommand implements Callable<Integer> {
    private static final long MAX_SECONDS = 1_000_000;

    private final Services services;

    @Parameters(
            paramLabel = "DIR|URI",
            converter = Place.Converter.class,
            description = "the snapshot's directory, or where it is, for example http://host/dir")
    private Place place;

    @Option(
            names = "--mode",
            paramLabel = "eager|lazy|recorded",
            description = "how RAM comes back (default: ${DEFAULT-VALUE})",
            defaultValue = "lazy")
    private RestoreMode mode;

    @Option(
            names = "--record",
            description =
                    "merge the order of first touches into the snapshot's recorded working set (not with eager)")
    private boolean record;

    @Option(
            names = "--record-for",
            paramLabel = "SECONDS",
            description = "as --record, for this much guest time only")
    private @Nullable Double recordFor;

    @Option(
            names = "--complete",
            description =
                    "load what the guest does not ask for as well, in the background; the snapshot is not needed any more then")
    private boolean complete;

    @Option(
            names = "--clones",
            paramLabel = "N",
            description =
                    "run N machines that share what they do not write; --serial file:F takes %%d in F for the number")
    private @Nullable Integer clones;

    @Mixin private ResetImage resetImage;

    @Option(
            names = "--id",
            paramLabel = "ID",
            description =
                    "restore this snapshot and no other: what 'snapshot show' calls its id, 64 hexadecimal digits")
    private @Nullable String id;

    @Mixin private RunOptions options;

    RestoreCommand(Services services) {
        this.services = services;
    }

    private RestoreOptions how() {
        RestoreOptions how = RestoreOptions.of(mode);
        if (record || recordFor != null) {
            if (mode == RestoreMode.EAGER) {
                throw new UsageException(
                        "--record: an eager restore sees no first touches; use --mode lazy or recorded");
            }
            if (recordFor != null && !(recordFor > 0 && recordFor <= MAX_SECONDS)) {
                throw new UsageException(
                        "--record-for %s: expected seconds above 0, at most %d"
                                .formatted(recordFor, MAX_SECONDS));
            }
            Duration time =
                    recordFor == null ? null : Duration.ofNanos((long) Math.ceil(recordFor * 1e9));
            how = how.recording(new Window(Window.DEFAULT.pages(), time));
        }
        how = complete ? how.completing() : how;
        String wanted = demanded(id);
        return wanted == null ? how : how.demanding(wanted);
    }

    /**
     * {@code --id} as it is compared.
     *
     * @param id may be null, which stays: any snapshot will do
     */
    public static @Nullable String demanded(@Nullable String id) {
        try {
            return SnapshotInfo.checkedId(id);
        } catch (IllegalArgumentException e) {
            throw new UsageException("--id: " + e.getMessage());
        }
    }

    @Override
    public Integer call() throws Exception {
        options.check();
        options.serialAppends = true; // what it wrote before it was saved stays
        resetImage.check();
        RestoreOptions how = how();
        if (clones != null) {
            if (how.recording() != null) {
                throw new UsageException("--record goes with one machine, not with --clones");
            }
            return new CloneSession(services, options, resetImage)
                    .run(place.uri(), mode, complete, clones, how.id());
        }
        MachineConfig saved = services.snapshots().info(place.uri()).config();
        Machine machine = services.machines().create(options.like(saved, saved.name()));
        try (RunSession session = new RunSession(services, machine, options)) {
            session.open();
            session.begin();
            try (Restored restored = services.snapshots().restore(place.uri(), machine, how)) {
                resetImage.tell(machine);
                session.protect();
                int code = session.run(restored);
                if (how.recording() != null) {
                    restored.saveRecording();
                }
                return code;
            }
        }
    }
}
