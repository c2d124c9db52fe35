// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.disk;

import java.io.Closeable;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;

/** What a save does to the file system, and no more: the seam at which tests cut the power. */
public interface Disk {
    Disk REAL = new Real();

    /** A file being written. */
    interface Out extends Closeable {
        /** Writes all that remains. */
        void write(ByteBuffer b) throws IOException;

        /** Returns when content and length are on the medium. */
        void force() throws IOException;
    }

    /**
     * @throws IOException also if it exists
     */
    Out create(Path file) throws IOException;

    /**
     * Makes one directory in one that is there.
     *
     * @param owned nobody but the owner may see into it, where the host can say so; else as the
     *     host makes directories
     * @throws java.nio.file.FileAlreadyExistsException if it exists
     */
    void directory(Path dir, boolean owned) throws IOException;

    /** Atomic; replaces a file. */
    void move(Path from, Path to) throws IOException;

    /** Forces a directory's entries to the medium, where the host lets a directory be opened. */
    void force(Path directory) throws IOException;

    void delete(Path file) throws IOException;

    /** The host's file systems. */
    final class Real implements Disk {
        private static final FileAttribute<?> OWNED =
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

        @Override
        public Out create(Path file) throws IOException {
            FileChannel c =
                    FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            return new Out() {
                @Override
                public void write(ByteBuffer b) throws IOException {
                    while (b.hasRemaining()) {
                        c.write(b);
                    }
                }

                @Override
                public void force() throws IOException {
                    c.force(true);
                }

                @Override
                public void close() throws IOException {
                    c.close();
                }
            };
        }

        @Override
        public void directory(Path dir, boolean owned) throws IOException {
            if (owned && dir.getFileSystem().supportedFileAttributeViews().contains("posix")) {
                Files.createDirectory(dir, OWNED);
            } else {
                Files.createDirectory(dir);
            }
        }

        @Override
        public void move(Path from, Path to) throws IOException {
            Files.move(
                    from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        }

        @Override
        public void force(Path directory) throws IOException {
            if (File.separatorChar == '\\') {
                return;
            }
            try (FileChannel c = FileChannel.open(directory, StandardOpenOption.READ)) {
                c.force(true);
            }
        }

        @Override
        public void delete(Path file) throws IOException {
            Files.deleteIfExists(file);
        }
    }
}
