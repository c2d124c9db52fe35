// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.api.snapshot.SourceStatistics;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.Origin;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** A snapshot in memory. A read beyond an object's end is a defect of the reader. */
record MemoryOrigin(Map<String, byte[]> files) implements Origin {
    @Override
    public long length(String name) throws SnapshotException {
        if (!has(name)) {
            throw new SnapshotException(Kind.MISSING, "no " + name);
        }
        return files.get(name).length;
    }

    @Override
    public boolean has(String name) {
        return files.containsKey(name);
    }

    @Override
    public void read(String name, long at, byte[] to, int off, int n) {
        System.arraycopy(files.get(name), Math.toIntExact(at), to, off, n);
    }

    @Override
    public Iterable<Origin> parents(Manifest.Parent wanted) {
        return List.of();
    }

    @Override
    public SnapshotException late() {
        return new SnapshotException(Kind.IO, "late");
    }

    @Override
    public Path dir() {
        return null;
    }

    @Override
    public int worthwhileGap() {
        return 4096;
    }

    @Override
    public SourceStatistics statistics() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {}

    @Override
    public String toString() {
        return "memory";
    }
}
