// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import dev.faultline.api.snapshot.SnapshotException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;

/**
 * The packs of an image as {@link Chunks} reads them: from the origin that the image has when a
 * read begins. Any thread.
 */
final class Packs implements Chunks.Records {
    private final Image image;

    Packs(Image image) {
        this.image = image;
    }

    private String name(int pack) {
        return image.manifest().packs().get(pack).name();
    }

    @Override
    public void read(int pack, long at, byte[] to, int n) throws SnapshotException {
        image.read(name(pack), at, to, n);
    }

    @Override
    public int worthwhileGap() {
        return image.origin().worthwhileGap();
    }

    @Override
    public boolean far() {
        return image.origin().dir() == null;
    }

    @Override
    public Future<byte[]> start(int pack, long at, int n) {
        FutureTask<byte[]> t =
                new FutureTask<>(() -> {
                    byte[] b = new byte[n];
                    image.read(name(pack), at, b, n);
                    return b;
                });
        Thread.ofVirtual().name("snapshot-read").start(t);
        return t;
    }

    @Override
    public long leftMillis() {
        return image.origin().leftMillis();
    }

    @Override
    public SnapshotException late() {
        return image.origin().late();
    }

    @Override
    public SnapshotException corrupt(int pack, long offset) {
        return image.corrupt(
                "the chunk at 0x%x of %s does not match its checksum; the guest has not seen it"
                        .formatted(offset, name(pack)));
    }
}
