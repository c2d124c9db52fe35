// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.boot;

import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.shell.internal.bootcache.BootCache;
import dev.faultline.shell.internal.bootcache.BootEntry;
import dev.faultline.shell.internal.bootcache.BootFiles;
import dev.faultline.shell.internal.bootcache.BootKey;
import dev.faultline.shell.internal.bootcache.BootStore;
import dev.faultline.shell.internal.bootcache.DamagedEntryException;
import dev.faultline.shell.internal.cli.OneLine;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.run.BootOptions;
import dev.faultline.shell.internal.run.BootRecorder;
import dev.faultline.shell.internal.run.RunOptions;
import dev.faultline.shell.internal.run.RunSession;
import java.io.IOException;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A run that resumes the boot of an earlier one, or boots and stores it. Whatever is wrong with the
 * cache is told, and the guest boots as if there were none.
 *
 * <p>Threading: one thread, the command's.
 */
final class CachedBoot {
    private final Services services;
    private final BootOptions boot;
    private final RunOptions options;
    private final @Nullable String when;
    private final BootCache cache;

    /**
     * @param when the text of --boot-cache-when, or null
     */
    CachedBoot(Services services, BootOptions boot, RunOptions options, @Nullable String when) {
        this.services = services;
        this.boot = boot;
        this.options = options;
        this.when = when;
        this.cache = services.bootCache();
    }

    /** What is looked for, and where. */
    private record Wanted(BootStore store, BootFiles files, BootKey key) {}

    /**
     * From power-on, or from where the boot was stored, to the end.
     *
     * @return the process's exit code
     */
    int run() throws IOException, MachineException, InterruptedException {
        Wanted wanted;
        try (RunSession session = session()) {
            wanted = wanted(session.machine());
            if (wanted == null) {
                return session.boot(boot);
            }
            BootEntry entry = find(wanted);
            if (entry == null) {
                return store(session, wanted);
            }
            Integer code = resume(session, wanted, entry);
            if (code != null) {
                return code;
            }
        }
        // Another machine: nothing of a bad entry may be in the guest's.
        try (RunSession session = session()) {
            return store(session, wanted);
        }
    }

    private RunSession session() throws IOException, MachineException {
        return new RunSession(services, boot.create(services, options), options);
    }

    private void tell(String what) {
        services.err().println("faultline: boot cache: " + OneLine.of(what));
    }

    /** Null, and told why, if there can be no key. */
    private @Nullable Wanted wanted(Machine machine) {
        try {
            BootFiles files = BootFiles.read(boot.boot());
            BootKey key =
                    BootKey.of(
                            cache.product(),
                            cache.snapshotFormat(),
                            files,
                            machine.config(),
                            machine.engine(),
                            when);
            return new Wanted(cache.store(), files, key);
        } catch (IOException e) {
            tell("not used: " + e.getMessage());
            return null;
        }
    }

    private @Nullable BootEntry find(Wanted wanted) {
        try {
            return wanted.store().find(wanted.key());
        } catch (DamagedEntryException e) {
            tell(
                    "the entry of this boot is damaged (%s); the guest boots"
                            .formatted(e.getMessage()));
        } catch (IOException e) {
            tell("the entry of this boot cannot be read (%s); the guest boots".formatted(e));
        }
        return null;
    }

    private int store(RunSession session, Wanted wanted)
            throws IOException, MachineException, InterruptedException {
        session.record(
                new BootRecorder(
                        services,
                        session.machine(),
                        new BootRecorder.Wanted(
                                wanted.store(),
                                wanted.key(),
                                wanted.files(),
                                when,
                                cache.patienceSeconds())));
        return session.boot(boot);
    }

    // ---- resuming

    /**
     * @return null if the entry is no good, and was removed
     */
    private @Nullable Integer resume(RunSession session, Wanted wanted, BootEntry entry)
            throws IOException, MachineException, InterruptedException {
        session.open();
        session.begin();
        Machine machine = session.machine();
        Restored restored;
        byte[] console;
        try {
            RestoreOptions how = RestoreOptions.of(RestoreMode.LAZY).demanding(entry.snapshotId());
            restored = services.snapshots().restore(entry.snapshot(), machine, how);
        } catch (SnapshotException | IllegalArgumentException e) {
            unusable(wanted, entry, e.getMessage() + "; the guest boots");
            return null;
        }
        int code;
        SnapshotException failure;
        try (restored) {
            console = console(wanted, entry, machine.serial().bytesSent());
            if (console == null) {
                restored.close();
                unusable(wanted, entry, "what the guest sent is not all there; the guest boots");
                return null;
            }
            resumed(wanted, entry);
            machine.bootOnReset(boot.boot());
            session.protect();
            session.resumes(new RunSession.Resumed(console, entry.key()));
            code = session.run(restored);
            failure = restored.failure();
        }
        if (failure != null) {
            unusable(wanted, entry, String.valueOf(failure.getMessage()));
        }
        return code;
    }

    /** Null if it is not there. */
    private byte @Nullable [] console(Wanted wanted, BootEntry entry, long sent) {
        try {
            byte[] all = wanted.store().console(entry);
            return sent > all.length ? null : Arrays.copyOf(all, (int) sent);
        } catch (IOException e) {
            return null;
        }
    }

    private void resumed(Wanted wanted, BootEntry entry) {
        tell(
                "resumed where a boot of %s was stored; what the guest sent until then is shown again (key %s)"
                        .formatted(
                                entry.created().truncatedTo(ChronoUnit.SECONDS),
                                BootKey.shortened(entry.key())));
        try {
            wanted.store().used(entry);
        } catch (IOException e) {
            tell("when the entry was last used cannot be noted: " + e);
        }
    }

    private void unusable(Wanted wanted, BootEntry entry, String why) {
        String then;
        try {
            then =
                    wanted.store().remove(entry)
                            ? "it was removed"
                            : "it stays for now, as another guest runs from it";
        } catch (IOException e) {
            then = "it cannot be removed: " + e;
        }
        tell("the entry of this boot is no good (%s); %s".formatted(why, then));
    }
}
