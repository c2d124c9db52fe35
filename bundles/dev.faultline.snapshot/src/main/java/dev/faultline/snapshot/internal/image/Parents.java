// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.Origin;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Finds the parent that an image's manifest names among the places where its origin thinks that it
 * may be, and checks that it is the one. Without state; the caller holds the child's lock, so that
 * its origin stays.
 */
final class Parents {
    private Parents() {}

    /**
     * Opens and checks it; the child closes it.
     *
     * @param wanted what the child's manifest says of it
     */
    static Image open(Image child, Manifest.Parent wanted) throws SnapshotException {
        if (child.depth() >= Layout.MAX_CHAIN) {
            throw child.corrupt("more than " + Layout.MAX_CHAIN + " parents in a row");
        }
        Image p = find(child, wanted);
        Manifest.Hashes h = p.manifest().hashes();
        byte[] root = wanted.root();
        if (root != null && (h == null || !Arrays.equals(h.root(), root))) {
            p.close();
            throw child.corrupt(
                    "its parent " + p.origin() + " does not have the content root that it names");
        }
        if (!p.manifest().regions().equals(child.manifest().regions())) {
            p.close();
            throw new SnapshotException(
                    Kind.MISMATCH,
                    "snapshot %s has other RAM than its parent %s"
                            .formatted(child.origin(), p.origin()));
        }
        return p;
    }

    private static Image find(Image child, Manifest.Parent wanted) throws SnapshotException {
        byte[] id = wanted.id();
        Origin claims = null;
        for (Origin s : child.origin().parents(wanted)) {
            boolean good = false;
            try {
                Manifest m = candidate(s);
                good = m != null && m.answersTo(id);
                claims = !good && m != null && m.claims(id) ? s : claims;
            } finally {
                if (!good) {
                    s.close();
                }
            }
            if (good) {
                return child.openAsParent(s, id);
            }
        }
        throw new SnapshotException(
                Kind.MISSING,
                "snapshot %s needs its parent %s (id %s), which is not there; put a copy beside it%s"
                        .formatted(
                                child.origin(),
                                wanted.path(),
                                Manifest.hex(id),
                                claims == null
                                        ? ""
                                        : " (%s says that it had this id, but cannot prove it)"
                                                .formatted(claims)));
    }

    private static @Nullable Manifest candidate(Origin s) throws SnapshotException {
        try {
            return Manifest.read(s);
        } catch (SnapshotException e) {
            if (e.kind() == Kind.SOURCE) {
                throw e; // it may be, but does not answer now
            }
            return null; // an unreadable neighbour is not the parent
        }
    }
}
