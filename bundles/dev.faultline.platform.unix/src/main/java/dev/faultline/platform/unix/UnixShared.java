// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.unix;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.SharedMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A file without a name, mapped shared for its owner. */
final class UnixShared implements SharedMemory {
    private static final String NAME = "faultline";

    final UnixHostMemory host;
    private final int file;
    private final long address;
    private final long size;
    private boolean closed;

    private UnixShared(UnixHostMemory host, int file, long address, long size) {
        this.host = host;
        this.file = file;
        this.address = address;
        this.size = size;
    }

    static UnixShared create(UnixHostMemory host, long size) {
        String what = "share 0x%x bytes".formatted(size);
        int file =
                host.abi().memoryFile() == Abi.MemoryFile.IN_MEMORY
                        ? inMemory(host, what)
                        : temporary(host, what);
        long r = Libc.ftruncate(file, size);
        if (r >= 0) {
            r = Libc.mmap(0, size, Libc.PROT_READ_WRITE, Libc.MAP_SHARED, file, 0);
        }
        if (r < 0) {
            HostMemoryException failed = host.failure(what, (int) -r);
            int left = Libc.close(file);
            if (left < 0) {
                failed.addSuppressed(host.failure("close the file of shared memory", -left));
            }
            throw failed;
        }
        return new UnixShared(host, file, r, size);
    }

    private static int inMemory(UnixHostMemory host, String what) {
        int file = Libc.memoryFile(NAME, 0);
        if (file < 0) {
            throw host.failure(what + ", memfd_create", file == Libc.NO_SUCH_CALL ? file : -file);
        }
        return file;
    }

    private static int temporary(UnixHostMemory host, String what) {
        try {
            Path p = Files.createTempFile("faultline", ".ram"); // its owner's alone
            try {
                int file = Libc.open(p.toString(), host.abi().openCloseOnExec());
                if (file < 0) {
                    throw host.failure(what + ", open " + p, -file);
                }
                return file;
            } finally {
                Files.delete(p);
            }
        } catch (IOException e) {
            throw new HostMemoryException(
                    HostError.OTHER, what + ": no temporary file: " + e.getMessage());
        }
    }

    @Override
    public long address() {
        return address;
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public synchronized View view() {
        requireOpen();
        long r = Libc.mmap(0, size, Libc.PROT_READ_WRITE, host.abi().viewFlags(), file, 0);
        if (r < 0) {
            throw host.failure("view 0x%x bytes of shared memory".formatted(size), (int) -r);
        }
        return new UnixView(this, r);
    }

    /** Maps part of a view again, so that it shows what is there now. */
    synchronized void map(long at, long offset, long bytes) {
        requireOpen();
        long r =
                Libc.mmap(
                        at,
                        bytes,
                        Libc.PROT_READ_WRITE,
                        host.abi().viewFlags() | Libc.MAP_FIXED,
                        file,
                        offset);
        if (r < 0) {
            throw host.failure("map 0x%x bytes at 0x%x again".formatted(bytes, at), (int) -r);
        }
    }

    @Override
    public synchronized long residentBytes() {
        requireOpen();
        return UnixRegion.inCore(host, address, size);
    }

    private void requireOpen() {
        if (closed) {
            throw new HostMemoryException(
                    HostError.INVALID, "the shared memory at 0x%x is closed".formatted(address));
        }
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        int unmapped = Libc.munmap(address, size);
        int left = Libc.close(file);
        if (unmapped < 0 || left < 0) {
            throw host.failure(
                    "release 0x%x shared bytes at 0x%x".formatted(size, address),
                    unmapped < 0 ? -unmapped : -left);
        }
    }
}
