// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.darwin.internal;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.platform.SharedMemory;

/**
 * Anonymous private mappings: a page costs memory from its first write. Shared memory is a file
 * without a name, and its views are private mappings of it.
 */
final class DarwinHostMemory implements HostMemory {
    private static final long MAX_BYTES = 1L << 46;

    /** Of a view of a file. */
    static final int VIEW_FLAGS = Libc.MAP_PRIVATE | Libc.MAP_NORESERVE;

    /** Of anonymous memory. */
    static final int MAP_FLAGS = VIEW_FLAGS | Libc.MAP_ANON;

    /**
     * What regions need after this bundle was updated under a running machine: a class loader whose
     * bundle is gone gives only what it has loaded before, and errors are what is loaded late.
     */
    private static final Class<?>[] NEEDED_FOR_LIFE = {
        Errno.class,
        HostError.class,
        HostMemoryException.class,
        Libc.class,
        DarwinRegion.class,
        DarwinShared.class,
        DarwinView.class
    };

    final int pageSize = Libc.pageSize();

    DarwinHostMemory() {
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
        long address = Libc.mmap(0, size, Libc.PROT_READ_WRITE, MAP_FLAGS);
        if (address < 0) {
            throw Errno.failure("reserve 0x%x bytes".formatted(size), (int) -address);
        }
        return new DarwinRegion(this, address, size);
    }

    @Override
    public SharedMemory share(long bytes) {
        return DarwinShared.create(this, checked("share", bytes));
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
