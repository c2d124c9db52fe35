// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit.memory;

import dev.faultline.api.memory.RamBlock;

/**
 * A block at an address of the test's choice. Whether bytes are there is for the test to know: the
 * block itself touches none.
 */
public record FakeBlock(String name, long hva, long size) implements RamBlock {
    @Override
    public void discard(long offset, long bytes) {
        throw new AssertionError("RamBlock.discard");
    }

    @Override
    public long residentBytes() {
        throw new AssertionError("RamBlock.residentBytes");
    }
}
