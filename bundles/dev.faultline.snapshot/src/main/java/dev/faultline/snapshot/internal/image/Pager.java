// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.vm.Machine;

/** What gives a machine the pages of the snapshot that it came from. Any thread. */
public interface Pager {
    Machine machine();

    /** The snapshot, open. */
    Image image();

    /**
     * Whether the machine's memory has the page; if so, for good. While it has not, nobody can have
     * written the page.
     */
    boolean isPresent(int page);

    /** Whether the machine lacks nothing any more. */
    boolean isComplete();

    boolean isClosed();

    /** Gives the machine all that it lacks. */
    void complete() throws SnapshotException;

    /** Gives no more; the machine stops at the next page that it lacks. Idempotent. */
    void end();
}
