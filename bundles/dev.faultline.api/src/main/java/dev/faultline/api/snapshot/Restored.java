// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

import java.util.BitSet;
import org.osgi.annotation.versioning.ProviderType;

/** A restore in progress or done. Any thread. */
@ProviderType
public interface Restored extends AutoCloseable {
    RestoreMode mode();

    long pagesLoaded();

    long bytesRead();

    /** Faults that this restore resolved. */
    long faults();

    /** By page of RAM (gpa order of the regions): loaded so far. A copy. */
    BitSet loadedPages();

    /** Loads what is still absent; the guest may run meanwhile. */
    void complete() throws SnapshotException;

    /** The error that stopped loading, or null. The machine is paused with it. */
    SnapshotException failure();

    /** Writes the order of first touches so far beside the snapshot, for RECORDED restores. */
    void saveRecording() throws SnapshotException;

    /** Stops loading. Pages that are still absent stay protected. */
    @Override
    void close();
}
