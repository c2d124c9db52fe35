// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

import java.net.URI;
import java.time.Duration;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;
import org.osgi.annotation.versioning.ProviderType;

/** A restore in progress or done. Any thread. */
@ProviderType
public interface Restored extends AutoCloseable {
    RestoreMode mode();

    long pagesLoaded();

    /** Bytes of RAM filled so far; what the source gave for them is {@link #statistics}'. */
    long bytesRead();

    /** Faults that this restore resolved. */
    long faults();

    /** By page of RAM (gpa order of the regions): loaded so far. A copy. */
    BitSet loadedPages();

    /** Loads what is still absent; the guest may run meanwhile. */
    void complete() throws SnapshotException;

    /**
     * Starts {@link #complete} on a thread of its own, which yields to faults; returns at once.
     * Does nothing if that runs or all pages are there. An error ends it and is logged; the guest
     * meets it again if it touches such a page.
     */
    void completeInBackground();

    /**
     * Waits until the recorded working set is loaded, however little of it the guest has used yet.
     *
     * @return false if {@code limit} passed, or the prefetch failed or was closed; true also if
     *     there is nothing to prefetch
     */
    boolean awaitPrefetched(Duration limit) throws InterruptedException;

    /** Counters. A copy. */
    RestoreStatistics statistics();

    /**
     * The error that stopped loading, or null. The machine is paused with it; {@code
     * machine.start()} tries again.
     */
    @Nullable SnapshotException failure();

    /** What was asked of the place that the snapshot is read from, since it was last attached. */
    SourceStatistics source();

    /**
     * Goes on with the same snapshot at another place (or at the same one, asked anew), after the
     * one before stopped answering. Start the machine then if it was paused.
     *
     * @throws SnapshotException if it is not there, does not answer, or is another snapshot (kind
     *     MISMATCH); nothing has changed then
     */
    void reattach(URI location) throws SnapshotException;

    /**
     * As {@link #reattach(URI)}. Parents stay where they are.
     *
     * @param source closed with this restore, or if it is refused
     */
    void reattach(PageSource source) throws SnapshotException;

    /**
     * Ends the recording and merges it with those beside the snapshot, for RECORDED restores. A
     * second call does nothing.
     *
     * @throws SnapshotException if the trace cannot be written, or nothing was recorded because
     *     {@link RestoreOptions#recording} was null
     */
    void saveRecording() throws SnapshotException;

    /** Stops loading, as closing the machine does. Pages that are still absent stay protected. */
    @Override
    void close();
}
