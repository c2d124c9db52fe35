// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.memory;

import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Hva;

/**
 * A run of guest-physical pages backed by a run of a RAM block (HAXM: memslot). No slot at a gpa
 * means: device.
 *
 * @param gpa first byte, page-aligned
 * @param size bytes, a positive multiple of 4096
 * @param block the backing
 * @param offset bytes from the block's start to the slot's first byte, page-aligned
 * @param readOnly ROM: guest writes go to the device bus
 */
public record MemorySlot(@Gpa long gpa, long size, RamBlock block, long offset, boolean readOnly) {
    /** hva of the slot's first byte. */
    public @Hva long hva() {
        return block.hva() + offset;
    }

    /** First gpa after the slot. */
    public @Gpa long end() {
        return gpa + size;
    }

    public boolean contains(@Gpa long address) {
        return address - gpa >= 0 && Long.compareUnsigned(address - gpa, size) < 0;
    }
}
