// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.posix.internal;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.SharedMemory;

/** A nameless file in memory ({@code memfd_create}), mapped shared for its owner. */
final class PosixShared implements SharedMemory {
    private static final String NAME = "faultline";

    final PosixHostMemory host;
    private final int file;
    private final long address;
    private final long size;
    private boolean closed;

    private PosixShared(PosixHostMemory host, int file, long address, long size) {
        this.host = host;
        this.file = file;
        this.address = address;
        this.size = size;
    }

    static PosixShared create(PosixHostMemory host, long size) {
        String what = "share 0x%x bytes".formatted(size);
        int file = Libc.memoryFile(NAME);
        if (file < 0) {
            throw Errno.failure(what + ", memfd_create", -file);
        }
        long r = Libc.ftruncate(file, size);
        if (r >= 0) {
            r = Libc.mmap(0, size, Libc.PROT_READ_WRITE, Libc.MAP_SHARED, file, 0);
        }
        if (r < 0) {
            HostMemoryException failed = Errno.failure(what, (int) -r);
            int left = Libc.close(file);
            if (left < 0) {
                failed.addSuppressed(Errno.failure("close the file of shared memory", -left));
            }
            throw failed;
        }
        return new PosixShared(host, file, r, size);
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
        long r = Libc.mmap(0, size, Libc.PROT_READ_WRITE, host.viewFlags, file, 0);
        if (r < 0) {
            throw Errno.failure("view 0x%x bytes of shared memory".formatted(size), (int) -r);
        }
        return new PosixView(this, r);
    }

    /** Maps part of a view again, so that it shows what is there now. */
    synchronized void map(long at, long offset, long bytes) {
        requireOpen();
        long r =
                Libc.mmap(
                        at,
                        bytes,
                        Libc.PROT_READ_WRITE,
                        host.viewFlags | Libc.MAP_FIXED,
                        file,
                        offset);
        if (r < 0) {
            throw Errno.failure("map 0x%x bytes at 0x%x again".formatted(bytes, at), (int) -r);
        }
    }

    @Override
    public synchronized long residentBytes() {
        requireOpen();
        return PosixRegion.inCore(address, size, host.pageSize);
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
            throw Errno.failure(
                    "release 0x%x shared bytes at 0x%x".formatted(size, address),
                    unmapped < 0 ? -unmapped : -left);
        }
    }
}
