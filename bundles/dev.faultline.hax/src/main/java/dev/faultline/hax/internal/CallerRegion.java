// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.platform.HostRegion;

/**
 * Memory of the client. It stays the client's: closing it does nothing, since its pages cannot be
 * given back, discarding them fills them with zero, and all of it counts as resident.
 */
record CallerRegion(long address, long size) implements HostRegion {
    @Override
    public void discard(long offset, long bytes) {
        HostBytes.fill(address + offset, bytes, (byte) 0);
    }

    @Override
    public long residentBytes() {
        return size;
    }

    @Override
    public void close() {
        // The client's.
    }
}
