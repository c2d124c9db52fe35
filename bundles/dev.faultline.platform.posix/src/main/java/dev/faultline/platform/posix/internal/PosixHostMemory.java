// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.posix.internal;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.platform.SharedMemory;
import java.util.Locale;

/**
 * Anonymous private mappings without a reservation of swap: a page costs memory from its first
 * write. Shared memory is a file in memory, and its views are private mappings of it.
 */
final class PosixHostMemory implements HostMemory {
    private static final long MAX_BYTES = 1L << 46;

    /**
     * What regions need after this bundle was updated under a running machine: a class loader whose
     * bundle is gone gives only what it has loaded before, and errors are what is loaded late.
     */
    private static final Class<?>[] NEEDED_FOR_LIFE = {
        Errno.class,
        HostError.class,
        HostMemoryException.class,
        Libc.class,
        Pagemap.class,
        Pagemap.Entry.class,
        PosixRegion.class,
        PosixShared.class,
        PosixView.class
    };

    /** Whether this system promises what Linux does beyond POSIX. */
    final boolean linux;

    /** Of anonymous memory. */
    final int mapFlags;

    /** Of a view of a file. */
    final int viewFlags;

    final int pageSize = Libc.pageSize();

    PosixHostMemory() {
        this(System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("linux"), true);
    }

    /**
     * @param numbers the constants of Linux, else of FreeBSD
     * @param promises rely on Linux for what POSIX leaves open
     */
    PosixHostMemory(boolean numbers, boolean promises) {
        linux = numbers && promises;
        viewFlags = Libc.MAP_PRIVATE | (numbers ? 0x4000 : 0x40 /* MAP_NORESERVE */);
        mapFlags = viewFlags | (numbers ? 0x20 : 0x1000 /* MAP_ANONYMOUS */);
        for (Class<?> c : NEEDED_FOR_LIFE) {
            initialize(c);
        }
    }

    private static void initialize(Class<?> c) {
        try {
            Class.forName(c.getName(), true, c.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(c + " is loaded and yet not found", e);
        }
    }

    @Override
    public int pageSize() {
        return pageSize;
    }

    @Override
    public HostRegion reserve(long bytes) {
        long size = checked("reserve", bytes);
        long address = Libc.mmap(0, size, Libc.PROT_READ_WRITE, mapFlags);
        if (address < 0) {
            throw Errno.failure("reserve 0x%x bytes".formatted(size), (int) -address);
        }
        return new PosixRegion(this, address, size);
    }

    @Override
    public SharedMemory share(long bytes) {
        return PosixShared.create(this, checked("share", bytes));
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
