// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

import dev.faultline.api.vm.Machine;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;
import org.osgi.annotation.versioning.ProviderType;

/**
 * Service: snapshots on disk. All failures are {@link SnapshotException}s with a one-line message;
 * a failed save leaves nothing half published.
 */
@ProviderType
public interface SnapshotService {
    /** The version of the format in which snapshots are saved, from 1. */
    int formatVersion();

    /**
     * Saves a machine, pausing it while state and RAM are read.
     *
     * @param dir where the snapshot shall be; must not exist, or be an empty directory
     * @param progress told the done fraction 0..1; what it throws ends the save, as a failure does
     */
    default SnapshotInfo save(Machine machine, Path dir, DoubleConsumer progress)
            throws SnapshotException {
        return save(machine, dir, SaveOptions.DEFAULT, progress);
    }

    /**
     * As {@link #save(Machine, Path, DoubleConsumer)}, by choice compressed harder, incrementally,
     * or while the guest runs. Returns when the snapshot is published. Of one machine, one save at
     * a time may be live, incremental or tracked; another is refused. A machine closed meanwhile
     * makes a live save fail.
     */
    SnapshotInfo save(Machine machine, Path dir, SaveOptions options, DoubleConsumer progress)
            throws SnapshotException;

    /** Reads and checks the description of a snapshot, not its pages. */
    SnapshotInfo info(Path dir) throws SnapshotException;

    /**
     * As {@link #info(Path)}, at a place that a URI names: {@code file:}, or the scheme of a {@link
     * PageSourceFactory}.
     */
    SnapshotInfo info(URI location) throws SnapshotException;

    /**
     * Snapshots directly below {@code dir}; unreadable ones carry their error, and so does what
     * unfinished saves have left, or are still writing.
     */
    List<Listed> list(Path dir) throws SnapshotException;

    /**
     * Checks every page, against the index and against the content root. Returns the number of
     * pages.
     */
    long verify(Path dir, DoubleConsumer progress) throws SnapshotException;

    /** As {@link #verify(Path, DoubleConsumer)}, at a place that a URI names. */
    default long verify(URI location, DoubleConsumer progress) throws SnapshotException {
        return verify(location, null, progress);
    }

    /**
     * As {@link #verify(URI, DoubleConsumer)}, of this snapshot and no other.
     *
     * @param id as in {@link RestoreOptions#id}; null: whatever is there
     */
    long verify(URI location, @Nullable String id, DoubleConsumer progress)
            throws SnapshotException;

    /**
     * What is stored for each page. Reads the index, not the pages. Damaged parts of the index, and
     * what a missing parent should have, are {@link PageMap#UNREADABLE}.
     */
    PageMap pageMap(Path dir) throws SnapshotException;

    /** As {@link #pageMap(Path)}, at a place that a URI names. */
    PageMap pageMap(URI location) throws SnapshotException;

    /**
     * The pages that a RECORDED restore loads ahead, in that order; numbered as in {@link PageMap},
     * each once. Empty without a recording.
     */
    int[] workingSet(Path dir) throws SnapshotException;

    /** As {@link #workingSet(Path)}, at a place that a URI names. */
    int[] workingSet(URI location) throws SnapshotException;

    /**
     * Takes into the snapshot what it refers to in its parents, so that it stands alone; it also
     * answers to its former id from then on. Atomic: after a failure it is what it was. Others may
     * read it meanwhile; refused if somebody else compacts or deletes it.
     *
     * @param progress told the done fraction 0..1
     */
    SnapshotInfo compact(Path dir, DoubleConsumer progress) throws SnapshotException;

    /**
     * Refuses if a snapshot beside it refers to it, or if somebody uses it: reads it in this
     * process or another one (as a machine does that still loads from it), compacts it, saves
     * there. Also removes what a save or a deletion that was killed left: a directory with files of
     * a snapshot, but no manifest.
     */
    void delete(Path dir) throws SnapshotException;

    /**
     * Deletes what saves and deletions that were killed have left directly below {@code dir}.
     *
     * @return the directories that were deleted
     */
    List<Path> clean(Path dir) throws SnapshotException;

    /**
     * Restores into a machine made by {@code machines.create(info.config())} that never ran. It
     * does not start it.
     *
     * @return close it to stop loading and release the files; closing the machine does so too
     */
    default Restored restore(Path dir, Machine into, RestoreMode mode) throws SnapshotException {
        return restore(dir, into, RestoreOptions.of(mode));
    }

    /** As {@link #restore(Path, Machine, RestoreMode)}; by choice it records, or completes. */
    Restored restore(Path dir, Machine into, RestoreOptions options) throws SnapshotException;

    /** As {@link #restore(URI, Machine, RestoreOptions)}. */
    default Restored restore(URI location, Machine into, RestoreMode mode)
            throws SnapshotException {
        return restore(location, into, RestoreOptions.of(mode));
    }

    /**
     * As {@link #restore(Path, Machine, RestoreOptions)}, from a place that a URI names. If that
     * stops answering the machine is paused with a {@link SnapshotException.Kind#SOURCE}; {@link
     * Restored#reattach(URI)} gives it another one.
     */
    Restored restore(URI location, Machine into, RestoreOptions options) throws SnapshotException;

    /**
     * Opens a snapshot for clones.
     *
     * @param mode whether pages are read all at once, each when the first clone touches it, or also
     *     ahead in recorded order, once for all
     * @throws SnapshotException also if this host cannot share memory
     */
    default CloneBase clones(Path dir, RestoreMode mode) throws SnapshotException {
        return clones(dir.toUri(), mode);
    }

    /**
     * As {@link #clones(Path, RestoreMode)}, at a place that a URI names. If that stops answering,
     * {@link CloneBase#reattach} gives all clones another one.
     */
    default CloneBase clones(URI location, RestoreMode mode) throws SnapshotException {
        return clones(location, mode, null);
    }

    /**
     * As {@link #clones(URI, RestoreMode)}, of this snapshot and no other.
     *
     * @param id as in {@link RestoreOptions#id}; null: whatever is there
     */
    CloneBase clones(URI location, RestoreMode mode, @Nullable String id) throws SnapshotException;

    /**
     * @param info null if the snapshot is not readable
     * @param error null if the snapshot is readable
     * @param unfinished it is no snapshot: a save is going on there, or was cut short
     */
    record Listed(
            Path dir, @Nullable SnapshotInfo info, @Nullable String error, boolean unfinished) {}
}
