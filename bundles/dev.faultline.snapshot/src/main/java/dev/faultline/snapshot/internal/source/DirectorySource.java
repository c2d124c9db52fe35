// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.source;

import dev.faultline.api.snapshot.PageSource;
import dev.faultline.snapshot.internal.format.Layout;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The files of a directory. An index or pack that was read from stays open, so that a compaction,
 * which deletes the old ones, does not disturb who still reads them.
 */
public final class DirectorySource implements PageSource {
    private static final int MOST_REOPENINGS = 3;

    private final Path dir;
    private final Map<String, FileChannel> open = new HashMap<>(); // guarded by itself
    private final Set<String> failed = new HashSet<>(); // guarded by open
    private final List<FileChannel> stale = new ArrayList<>(); // guarded by open
    private boolean closed; // guarded by open

    public DirectorySource(Path dir) {
        this.dir = dir;
    }

    /** Manifest and trace are replaced by others of the same name, so nobody keeps them open. */
    private static boolean lasts(String name) {
        return !name.equals(Layout.MANIFEST) && !name.equals(Layout.TRACE);
    }

    private FileChannel channel(String name) throws IOException {
        FileChannel c;
        synchronized (open) {
            if (closed) {
                throw new ClosedChannelException();
            }
            c = open.get(name);
            if (c != null && c.isOpen() && !failed.contains(name)) {
                return c;
            }
        }
        FileChannel fresh;
        try {
            fresh = open(name); // a disk that hangs keeps nobody else
        } catch (IOException e) {
            if (c != null && c.isOpen()) {
                return c; // a compaction has deleted its name
            }
            throw e;
        }
        if (!lasts(name)) {
            return fresh;
        }
        synchronized (open) {
            if (closed) {
                fresh.close();
                throw new ClosedChannelException();
            }
            failed.remove(name);
            FileChannel there = open.get(name);
            if (there != c && there != null && there.isOpen()) {
                fresh.close(); // another thread was faster
                return there;
            }
            open.put(name, fresh);
            if (c != null) {
                stale.add(c); // others may still read it
            }
            return fresh;
        }
    }

    /** What is no file is not opened: that alone may wait for ever, or do something. */
    private FileChannel open(String name) throws IOException {
        Path file = dir.resolve(name);
        BasicFileAttributes a = Files.readAttributes(file, BasicFileAttributes.class);
        if (!a.isRegularFile()) {
            throw new IOException("it is not a file; a snapshot has nothing else");
        }
        return FileChannel.open(file, StandardOpenOption.READ);
    }

    @Override
    public long length(String name) throws IOException {
        return lasts(name) ? channel(name).size() : Files.size(dir.resolve(name));
    }

    /** A channel that an interrupt of another reader closed, or that failed, is opened anew. */
    @Override
    public void read(String name, long at, ByteBuffer to) throws IOException {
        int from = to.position();
        for (int attempt = 0; ; attempt++) {
            try {
                fill(name, at, to);
                return;
            } catch (ClosedByInterruptException e) {
                throw e; // this thread is to end
            } catch (ClosedChannelException e) {
                if (attempt == MOST_REOPENINGS || isClosed()) {
                    throw e;
                }
                to.position(from);
            } catch (EOFException e) {
                throw e;
            } catch (IOException e) {
                synchronized (open) {
                    failed.add(name);
                }
                throw e;
            }
        }
    }

    private boolean isClosed() {
        synchronized (open) {
            return closed;
        }
    }

    private void fill(String name, long at, ByteBuffer to) throws IOException {
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
            stale.addAll(open.values());
            for (FileChannel c : stale) {
                try {
                    c.close();
                } catch (IOException e) {
                    failed = e;
                }
            }
            open.clear();
            stale.clear();
            if (failed != null) {
                throw failed;
            }
        }
    }
}
