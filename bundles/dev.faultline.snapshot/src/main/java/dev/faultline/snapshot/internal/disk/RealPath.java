// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.disk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Where paths lead. */
public final class RealPath {
    private static final int MOST_LINKS = 40;

    private RealPath() {}

    /**
     * Where a path leads, symbolic links followed as far as there is something, also one to what is
     * not there yet.
     */
    public static Path of(Path p) throws IOException {
        return of(p.toAbsolutePath(), 0);
    }

    private static Path of(Path p, int links) throws IOException {
        if (links > MOST_LINKS) {
            throw new IOException(p + ": too many symbolic links");
        }
        try {
            return p.toRealPath();
        } catch (NoSuchFileException e) {
            Path up = p.getParent();
            if (up == null) {
                throw e;
            }
            if (Files.isSymbolicLink(p)) {
                return of(up.resolve(Files.readSymbolicLink(p)), links + 1);
            }
            return of(up, links).resolve(p.getFileName()).normalize();
        }
    }
}
