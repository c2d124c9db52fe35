// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.clone;

import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.snapshot.CloneBase;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.Origin;
import dev.faultline.snapshot.internal.format.Trace;
import dev.faultline.snapshot.internal.image.Image;
import java.net.URI;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The snapshots that are open for clones: each once, however many opened it. Any thread. */
public final class CloneBases {
    /** By the snapshot's id, which says what its pages are. */
    private final Map<String, SharedPages> open = new HashMap<>();

    private final Consumer<Cloned> made;
    private final Opener opener;

    /** Makes an origin of what a URI names. */
    public interface Opener {
        Origin open(URI location) throws SnapshotException;
    }

    /**
     * @param made told of each clone
     */
    public CloneBases(Consumer<Cloned> made, Opener opener) {
        this.made = made;
        this.opener = opener;
    }

    /**
     * Opens a snapshot for one more who makes clones.
     *
     * @param image of it; from here on this object's, after a failure too
     * @param host null if there is none
     */
    public CloneBase open(
            Image image, SnapshotInfo info, RestoreMode mode, @Nullable HostMemory host)
            throws SnapshotException {
        int[] recorded = mode == RestoreMode.RECORDED ? recorded(image) : null;
        OpenBase base = new OpenBase(own(image, host), info, made, opener);
        try {
            if (mode == RestoreMode.EAGER) {
                base.complete();
            } else if (recorded != null) {
                base.prefetch(recorded);
            }
            return base;
        } catch (SnapshotException e) {
            base.close();
            throw e;
        }
    }

    private static int[] recorded(Image image) throws SnapshotException {
        try {
            if (image.origin().dir() != null && !Trace.exists(image.origin())) {
                throw new SnapshotException(
                        Kind.MISSING,
                        "snapshot %s has no recorded working set; restore it lazily with --record first"
                                .formatted(image.origin()));
            }
            return Trace.read(image.origin()).likely(image.pages());
        } catch (SnapshotException e) {
            image.close();
            throw e;
        }
    }

    private synchronized SharedPages own(Image image, @Nullable HostMemory host)
            throws SnapshotException {
        String id = Manifest.hex(image.manifest().id()) + image.isProved();
        SharedPages there = open.get(id);
        if (there != null && there.own()) {
            image.close();
            return there;
        }
        try {
            if (host == null) {
                throw new SnapshotException(
                        Kind.IO,
                        "no memory that clones can share: no platform offers host memory now");
            }
            SharedPages made = SharedPages.open(image, host, gone -> forget(id, gone));
            open.put(id, made);
            return made;
        } catch (SnapshotException e) {
            image.close();
            throw e;
        }
    }

    /** No more clones; what is open stays until its last clone is closed. */
    public void end() {
        List<SharedPages> all;
        synchronized (this) {
            all = List.copyOf(open.values());
        }
        all.forEach(SharedPages::end);
    }

    private synchronized void forget(String id, SharedPages gone) {
        open.remove(id, gone);
    }
}
