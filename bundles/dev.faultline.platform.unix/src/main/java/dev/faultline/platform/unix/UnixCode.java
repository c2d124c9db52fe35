// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.unix;

import dev.faultline.api.address.Hva;
import dev.faultline.api.platform.CodeMemory;
import dev.faultline.api.platform.HostMemoryException;

/**
 * A file in memory that is mapped twice. Two mappings instead of one whose rights change: threads
 * execute while others write, and hosts that forbid what was writable to become executable allow
 * it.
 */
final class UnixCode implements CodeMemory {
    /** As {@code /proc/self/maps} shows it. */
    static final String NAME = "faultline-code";

    /** Of {@code memfd_create}. */
    static final String FILE_REFUSED =
            ": vm.memfd_noexec is 2 or a seccomp filter forbids it; set that to 0 or 1, or let the"
                    + " filter pass it with MFD_EXEC";

    /** Of {@code mmap}. */
    static final String EXECUTION_REFUSED =
            ": SELinux, a seccomp filter or another policy forbids this process to execute what it"
                    + " wrote; allow it executable shared mappings of memfd files (SELinux:"
                    + " execute, execmem), or do without generated code";

    private final UnixHostMemory host;
    private final @Hva long writableHva;
    private final @Hva long executableHva;
    private final long size;
    private boolean closed;

    private UnixCode(
            UnixHostMemory host, @Hva long writableHva, @Hva long executableHva, long size) {
        this.host = host;
        this.writableHva = writableHva;
        this.executableHva = executableHva;
        this.size = size;
    }

    static UnixCode create(UnixHostMemory host, long size) {
        String what = "code 0x%x bytes".formatted(size);
        int file = file(host, what);
        try {
            int r = Libc.ftruncate(file, size);
            if (r < 0) {
                throw host.failure(what + ", ftruncate", -r);
            }
            return mapped(host, what, file, size);
        } finally {
            Libc.close(file); // the mappings keep it; the descriptor is gone whatever this returns
        }
    }

    private static int file(UnixHostMemory host, String what) {
        int file = Libc.memoryFile(NAME, Libc.MFD_EXEC);
        if (file == -Abi.EINVAL) { // a system that does not know the flag, and needs none
            file = Libc.memoryFile(NAME, 0);
        }
        if (file < 0) {
            throw host.failure(
                    what + ", memfd_create",
                    file == Libc.NO_SUCH_CALL ? file : -file,
                    FILE_REFUSED);
        }
        return file;
    }

    private static UnixCode mapped(UnixHostMemory host, String what, int file, long size) {
        long writableHva = Libc.mmap(0, size, Libc.PROT_READ_WRITE, Libc.MAP_SHARED, file, 0);
        if (writableHva < 0) {
            throw host.failure(what + ", mmap PROT_READ|PROT_WRITE", (int) -writableHva);
        }
        long executableHva = Libc.mmap(0, size, Libc.PROT_READ_EXECUTE, Libc.MAP_SHARED, file, 0);
        if (executableHva < 0) {
            HostMemoryException failed =
                    host.failure(
                            what + ", mmap PROT_READ|PROT_EXEC",
                            (int) -executableHva,
                            EXECUTION_REFUSED);
            int left = Libc.munmap(writableHva, size);
            if (left < 0) {
                failed.addSuppressed(host.failure("release what is writable", -left));
            }
            throw failed;
        }
        return new UnixCode(host, writableHva, executableHva, size);
    }

    @Override
    public @Hva long writable() {
        return writableHva;
    }

    @Override
    public @Hva long executable() {
        return executableHva;
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        int executable = Libc.munmap(executableHva, size);
        int writable = Libc.munmap(writableHva, size);
        if (executable < 0 || writable < 0) {
            throw host.failure(
                    "release 0x%x bytes of code at 0x%x and 0x%x"
                            .formatted(size, writableHva, executableHva),
                    executable < 0 ? -executable : -writable);
        }
    }
}
