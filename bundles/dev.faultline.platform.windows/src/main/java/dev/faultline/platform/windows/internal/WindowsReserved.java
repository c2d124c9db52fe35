// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.windows.internal;

/** Pages of {@code VirtualAlloc}. */
final class WindowsReserved extends WindowsRegion {
    WindowsReserved(WindowsHostMemory host, long address, long size) {
        super(host, address, size);
    }

    /** Two steps: nothing else gives zeroes. Between them the pages are inaccessible. */
    @Override
    void forget(long at, long bytes) {
        String what = "discard 0x%x bytes at 0x%x".formatted(bytes, at);
        int error = host.kernel.virtualFree(at, bytes, Kernel32.MEM_DECOMMIT);
        if (error != 0) {
            throw WindowsErrors.failure(what, error);
        }
        long r = host.kernel.virtualAlloc(at, bytes, Kernel32.MEM_COMMIT, Kernel32.PAGE_READWRITE);
        if (r < 0) {
            throw WindowsErrors.failure(
                    what + ", commit again (the range is unusable now)", (int) -r);
        }
    }

    @Override
    long count() {
        return host.resident(address, size, false);
    }

    @Override
    int release() {
        return host.kernel.virtualFree(address, 0, Kernel32.MEM_RELEASE);
    }
}
