// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineFactory;
import java.net.URI;
import org.jspecify.annotations.Nullable;
import org.osgi.annotation.versioning.ProviderType;

/**
 * A snapshot open for many machines of this process, its clones. What none of them has written they
 * share: a page is read and verified once, when the first of them touches it. What a clone writes
 * is its own.
 *
 * <p>However often the same snapshot is opened, its pages are in memory once. Any thread.
 */
@ProviderType
public interface CloneBase extends AutoCloseable {
    SnapshotInfo info();

    /**
     * Another machine as the snapshot has it, called {@code name}. It is not started.
     *
     * @throws SnapshotException if the snapshot does not fit the machine, or this is closed
     * @throws MachineException if {@code machines} cannot build it, for lack of host memory too
     */
    default Clone create(MachineFactory machines, String name) throws MachineException {
        MachineConfig c = info().config();
        return create(
                machines,
                new MachineConfig(
                        name, c.ramBytes(), c.vcpus(), c.engine(), c.faultStyle(), c.devices()));
    }

    /**
     * The same with another engine or fault style.
     *
     * @param config RAM, vCPUs and devices as in the snapshot
     */
    Clone create(MachineFactory machines, MachineConfig config) throws MachineException;

    /** Clones of the snapshot that are not closed, made here or by others who opened it. */
    int clones();

    /** Pages that need not be read any more, zero ones included. */
    long pagesLoaded();

    /** Bytes of the host's memory that all clones share now. */
    long sharedBytes();

    /**
     * Reads all that is absent; clones may run meanwhile.
     *
     * @throws SnapshotException for a page that cannot be read or trusted; what was read stays
     */
    void complete() throws SnapshotException;

    /**
     * Starts {@link #complete} on a thread of its own, which yields to clones that wait for a page;
     * returns at once. An error ends it and is logged; a clone meets it again if it touches such a
     * page.
     */
    void completeInBackground();

    /**
     * Goes on at another place that has the same snapshot. Clones that stand because the former one
     * failed are to be started again.
     *
     * @throws SnapshotException if it has another snapshot or cannot be read; nothing was changed
     */
    void reattach(URI location) throws SnapshotException;

    /**
     * No more clones from here. The shared pages and the snapshot's files stay open until the last
     * clone is closed. Idempotent.
     */
    @Override
    void close();

    /** One of the machines. Closing the machine ends the clone too. */
    @ProviderType
    interface Clone extends AutoCloseable {
        Machine machine();

        /** Faults that loaded or opened pages of this clone. */
        long faults();

        /**
         * Bytes of the host's memory that this clone's RAM does not share with others: what it
         * wrote.
         *
         * @throws dev.faultline.api.platform.HostMemoryException if this host cannot tell
         */
        long privateBytes();

        /** The error that stopped the machine for lack of a page, or null. */
        @Nullable SnapshotException failure();

        /** Opens all pages to this clone, after reading what is absent; the clone may run. */
        void complete() throws SnapshotException;

        /** Closes the machine and lets go of the shared pages. Idempotent. */
        @Override
        void close();
    }
}
