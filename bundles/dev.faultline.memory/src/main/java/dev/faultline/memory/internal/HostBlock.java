// SPDX-License-Identifier: Apache-2.0
package dev.faultline.memory.internal;

import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.platform.HostRegion;
import java.util.BitSet;

/**
 * A block over one host reservation. Compared by identity: two blocks of the same name are never
 * the same block.
 */
final class HostBlock implements RamBlock {
    private final GuestSpace owner;
    private final String name;
    private final HostRegion region;
    private final long hva;
    private final long size;

    HostBlock(GuestSpace owner, String name, HostRegion region, long size) {
        this.owner = owner;
        this.name = name;
        this.region = region;
        this.hva = region.address();
        this.size = size;
    }

    GuestSpace owner() {
        return owner;
    }

    HostRegion region() {
        return region;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public long hva() {
        return hva;
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public void discard(long offset, long bytes) {
        owner.discarding(this, offset, bytes);
        try {
            region.discard(offset, bytes);
        } finally {
            owner.discarding(this, offset, bytes);
        }
    }

    @Override
    public long residentBytes() {
        return region.residentBytes();
    }

    @Override
    public boolean touched(long offset, int pages, BitSet to) {
        return region.touched(offset, pages, to);
    }

    @Override
    public String toString() {
        return "%s[hva 0x%x, 0x%x bytes]".formatted(name, hva, size);
    }
}
