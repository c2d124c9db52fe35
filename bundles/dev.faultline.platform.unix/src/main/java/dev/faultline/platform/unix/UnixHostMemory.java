// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.unix;

import dev.faultline.api.platform.CodeMemory;
import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.platform.SharedMemory;

/**
 * Anonymous private mappings without a reservation of swap: a page costs memory from its first
 * write. Shared memory is a file without a name, and its views are private mappings of it; memory
 * for code is one that is mapped twice. Any thread.
 */
public final class UnixHostMemory implements HostMemory {
    private static final long MAX_BYTES = 1L << 46;

    /**
     * What regions need after their bundle was updated under a running machine: a class loader
     * whose bundle is gone gives only what it has loaded before, and errors are what is loaded
     * late.
     */
    private static final Class<?>[] NEEDED_FOR_LIFE = {
        Abi.class,
        Abi.MemoryFile.class,
        Abi.PrivatePages.class,
        HostError.class,
        HostMemoryException.class,
        Libc.class,
        Pagemap.class,
        Pagemap.Entry.class,
        UnixCode.class,
        UnixRegion.class,
        UnixShared.class,
        UnixView.class
    };

    private final Abi abi;
    private final int pageSize = Libc.pageSize();

    public UnixHostMemory(Abi abi) {
        this.abi = abi;
        for (Class<?> c : NEEDED_FOR_LIFE) {
            initialize(c);
        }
        if (abi.privatePages() == Abi.PrivatePages.MACH) {
            initialize(MachVm.class);
        }
    }

    private static void initialize(Class<?> c) {
        try {
            Class.forName(c.getName(), true, c.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(c + " is loaded and yet not found", e);
        }
    }

    Abi abi() {
        return abi;
    }

    HostMemoryException failure(String what, int errno) {
        return failure(what, errno, "");
    }

    /**
     * @param ifRefused what the message says besides if the system does not let this process do it
     */
    HostMemoryException failure(String what, int errno, String ifRefused) {
        if (errno == Libc.NO_SUCH_CALL) {
            return new HostMemoryException(
                    HostError.UNSUPPORTED, what + ": the C library has no such call");
        }
        HostError meaning = abi.meaning(errno);
        boolean refused = meaning == HostError.DENIED || meaning == HostError.UNSUPPORTED;
        return new HostMemoryException(
                meaning, "%s: errno %d%s".formatted(what, errno, refused ? ifRefused : ""));
    }

    @Override
    public int pageSize() {
        return pageSize;
    }

    @Override
    public HostRegion reserve(long bytes) {
        long size = checked("reserve", bytes);
        long address = Libc.mmap(0, size, Libc.PROT_READ_WRITE, abi.mapFlags());
        if (address < 0) {
            throw failure("reserve 0x%x bytes".formatted(size), (int) -address);
        }
        return new UnixRegion(this, address, size);
    }

    @Override
    public SharedMemory share(long bytes) {
        return UnixShared.create(this, checked("share", bytes));
    }

    @Override
    public CodeMemory code(long bytes) {
        return abi.memoryFile() == Abi.MemoryFile.IN_MEMORY
                ? UnixCode.create(this, checked("code", bytes))
                : HostMemory.super.code(bytes);
    }

    private long checked(String what, long bytes) {
        if (bytes < 1 || bytes > MAX_BYTES) {
            throw new HostMemoryException(
                    HostError.INVALID,
                    "%s 0x%x bytes: expected 1 .. 0x%x".formatted(what, bytes, MAX_BYTES));
        }
        return bytes + pageSize - 1 & -(long) pageSize;
    }
}
