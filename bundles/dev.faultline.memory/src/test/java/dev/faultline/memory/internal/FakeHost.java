// SPDX-License-Identifier: Apache-2.0
package dev.faultline.memory.internal;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.HostRegion;
import java.util.ArrayList;
import java.util.List;

/**
 * Hands out addresses with nothing behind them, and remembers what was released. The slot manager
 * never touches memory.
 */
final class FakeHost implements HostMemory {
    final List<Long> released = new ArrayList<>();
    private long next = 0x1000_0000L;

    /** The next reservation fails. */
    boolean full;

    @Override
    public int pageSize() {
        return 0x1000;
    }

    @Override
    public HostRegion reserve(long bytes) {
        if (full) {
            throw new HostMemoryException(HostError.NO_MEMORY, "full");
        }
        long address = next;
        next += 0x1000_0000L;
        return region(address, bytes);
    }

    HostRegion region(long address, long bytes) {
        return new HostRegion() {
            @Override
            public long address() {
                return address;
            }

            @Override
            public long size() {
                return bytes;
            }

            @Override
            public void discard(long offset, long length) {
                throw new AssertionError("discard %x+%x".formatted(offset, length));
            }

            @Override
            public long residentBytes() {
                return 0x3000;
            }

            @Override
            public void close() {
                released.add(address);
            }
        };
    }
}
