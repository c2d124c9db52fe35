// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.clone;

import dev.faultline.api.snapshot.CloneBase;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.snapshot.internal.restore.StateMismatch;
import java.net.URI;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/** {@link SharedPages} as one sees them who opened them, until closed. */
final class OpenBase implements CloneBase {
    private final SharedPages pages;
    private final SnapshotInfo info;
    private final Consumer<Cloned> made;
    private final CloneBases.Opener opener;
    private final AtomicBoolean closed = new AtomicBoolean();

    /**
     * @param pages the caller has made this an owner of them
     * @param made told of each clone
     */
    OpenBase(
            SharedPages pages, SnapshotInfo info, Consumer<Cloned> made, CloneBases.Opener opener) {
        this.opener = opener;
        this.pages = pages;
        this.info = info;
        this.made = made;
    }

    @Override
    public SnapshotInfo info() {
        return info;
    }

    private SnapshotException isClosed() {
        return new SnapshotException(
                Kind.IO,
                "snapshot %s is not open for clones any more".formatted(pages.image().origin()));
    }

    @Override
    public Clone create(MachineFactory machines, MachineConfig config) throws MachineException {
        if (closed.get() || !pages.own()) {
            throw isClosed();
        }
        Cloned clone = new Cloned(pages);
        boolean built = false;
        boolean done = false;
        try {
            Machine machine = machines.create(config, clone::region);
            built = true;
            clone.attach(machine);
            made.accept(clone);
            done = true;
            return clone;
        } catch (SnapshotException e) {
            throw e;
        } catch (MachineException e) {
            if (!built) {
                throw e; // it could not be built
            }
            throw StateMismatch.of(pages.image().origin(), e);
        } finally {
            if (!done) {
                clone.close();
            }
        }
    }

    @Override
    public int clones() {
        return pages.clones();
    }

    @Override
    public long pagesLoaded() {
        return pages.pagesLoaded();
    }

    @Override
    public long sharedBytes() {
        if (!pages.use()) {
            return 0;
        }
        try {
            return pages.bytes();
        } finally {
            pages.leave();
        }
    }

    @Override
    public void complete() throws SnapshotException {
        if (closed.get() || !pages.use()) {
            throw isClosed();
        }
        try {
            pages.complete();
        } finally {
            pages.leave();
        }
    }

    /** Loads these pages in their order, in the background. */
    void prefetch(int[] recorded) {
        pages.prefetch(recorded);
    }

    @Override
    public void completeInBackground() {
        if (!closed.get()) {
            pages.completeInBackground();
        }
    }

    @Override
    public void reattach(URI location) throws SnapshotException {
        if (closed.get() || !pages.use()) {
            throw isClosed();
        }
        try {
            pages.image().reattach(opener.open(location));
        } finally {
            pages.leave();
        }
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            pages.disown();
        }
    }
}
