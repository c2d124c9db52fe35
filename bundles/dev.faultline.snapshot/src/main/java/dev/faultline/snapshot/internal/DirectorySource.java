// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.snapshot.PageSource;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;

/**
 * The files of a directory. An index or pack that was read from stays open, so that a compaction,
 * which deletes the old ones, does not disturb who still reads them.
 */
final class DirectorySource implements PageSource {
    private final Path dir;
    private final Map<String, FileChannel> open = new HashMap<>(); // guarded by itself
    private boolean closed; // guarded by open

    DirectorySource(Path dir) {
        this.dir = dir;
    }

    /** Manifest and trace are replaced by others of the same name, so nobody keeps them open. */
    private static boolean lasts(String name) {
        return !name.equals(Layout.MANIFEST) && !name.equals(Layout.TRACE);
    }

    private FileChannel channel(String name) throws IOException {
        synchronized (open) {
            if (closed) {
                throw new ClosedChannelException();
            }
            FileChannel c = open.get(name);
            if (c == null) {
                c = FileChannel.open(dir.resolve(name), StandardOpenOption.READ);
                if (lasts(name)) {
                    open.put(name, c);
                }
            }
            return c;
        }
    }

    @Override
    public long length(String name) throws IOException {
        return lasts(name) ? channel(name).size() : Files.size(dir.resolve(name));
    }

    @Override
    public void read(String name, long at, ByteBuffer to) throws IOException {
        FileChannel c = channel(name);
        try {
            int from = to.position();
            while (to.hasRemaining()) {
                if (c.read(to, at + to.position() - from) < 0) {
                    throw new EOFException("ends before 0x%x".formatted(at + to.limit() - from));
                }
            }
        } finally {
            if (!lasts(name)) {
                c.close();
            }
        }
    }

    @Override
    public void close() throws IOException {
        synchronized (open) {
            closed = true;
            IOException failed = null;
            for (FileChannel c : open.values()) {
                try {
                    c.close();
                } catch (IOException e) {
                    failed = e;
                }
            }
            open.clear();
            if (failed != null) {
                throw failed;
            }
        }
    }
}
