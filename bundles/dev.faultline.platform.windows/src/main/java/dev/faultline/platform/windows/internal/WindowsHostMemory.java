// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.windows.internal;

import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.platform.SharedMemory;

/**
 * Private pages, reserved and committed as a whole. A committed page occupies memory only from its
 * first access, but the whole range counts against the system's commit limit at once: committing on
 * demand would mean to handle access violations inside the JVM, which Java code cannot. A guest
 * larger than what the page file allows is refused with {@link HostError#NO_MEMORY} here, and never
 * fails later.
 */
final class WindowsHostMemory implements HostMemory {
    private static final long MAX_BYTES = 1L << 46;

    /** Pages that one working-set query asks about (16 bytes each). */
    private static final int BATCH = 1 << 14;

    /**
     * What regions need after this bundle was updated under a running machine: a class loader whose
     * bundle is gone gives only what it has loaded before, and errors are what is loaded late.
     */
    private static final Class<?>[] NEEDED_FOR_LIFE = {
        HostBytes.class,
        HostError.class,
        HostMemoryException.class,
        WindowsErrors.class,
        WindowsRegion.class,
        WindowsReserved.class,
        WindowsShared.class,
        WindowsView.class
    };

    final Kernel32 kernel;
    final int pageSize;

    WindowsHostMemory(Kernel32 kernel) {
        this.kernel = kernel;
        this.pageSize = kernel.pageSize();
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
        long address =
                kernel.virtualAlloc(
                        0,
                        size,
                        Kernel32.MEM_RESERVE | Kernel32.MEM_COMMIT,
                        Kernel32.PAGE_READWRITE);
        if (address < 0) {
            throw WindowsErrors.failure("reserve 0x%x bytes".formatted(size), (int) -address);
        }
        return new WindowsReserved(this, address, size);
    }

    @Override
    public SharedMemory share(long bytes) {
        return WindowsShared.create(this, checked("share", bytes));
    }

    private long checked(String what, long bytes) {
        if (bytes < 1 || bytes > MAX_BYTES) {
            throw new HostMemoryException(
                    HostError.INVALID,
                    "%s 0x%x bytes: expected 1 .. 0x%x".formatted(what, bytes, MAX_BYTES));
        }
        return bytes + pageSize - 1 & -(long) pageSize;
    }

    /**
     * Bytes of the range in the working set, of a view only those that it does not share with
     * others.
     */
    long resident(long address, long size, boolean own) {
        long pages = size / pageSize;
        long resident = 0;
        for (long at = 0; at < pages; at += BATCH) {
            int n = (int) Math.min(BATCH, pages - at);
            long present = kernel.workingSetPages(address + at * pageSize, n, pageSize, own);
            if (present < 0) {
                throw WindowsErrors.failure(
                        "count resident pages at 0x%x".formatted(address), (int) -present);
            }
            resident += present;
        }
        return resident * pageSize;
    }
}
