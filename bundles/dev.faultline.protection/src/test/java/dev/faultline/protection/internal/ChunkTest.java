// SPDX-License-Identifier: Apache-2.0
package dev.faultline.protection.internal;

import static dev.faultline.api.protection.Rights.NONE;
import static dev.faultline.api.protection.Rights.R;
import static dev.faultline.api.protection.Rights.RWX;
import static dev.faultline.api.protection.Rights.RX;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Taking a packed chunk out of service, step by step. */
class ChunkTest {
    private final Narrowed narrowed = new Narrowed();

    @Test
    void aSealedChunkTakesNoMoreWrites() {
        Chunk c = Chunk.packed(RX, 7, 9, R);
        assertThat(c.acquire()).isTrue();
        assertThat(c.acquire()).isFalse();
        c.seal(R, 1000, narrowed);
        assertThat(narrowed.first()).isEqualTo(1000); // RX to R
        assertThat(narrowed.last()).isEqualTo(1000 + Chunk.PAGES - 1);
        for (int page = 0; page < Chunk.PAGES; page++) {
            assertThat(c.set(page, NONE)).as("page %d", page).isEqualTo(-1);
            assertThat(c.get(page)).isEqualTo(page >= 7 && page <= 9 ? R : RX);
        }
        assertThat(c.set(0, Chunk.PAGES - 1, NONE, 0, new Narrowed())).isFalse();
    }

    @Test
    void aChunkThatIsNotFreeAfterAllGoesOn() {
        Chunk c = Chunk.packed(RWX, Chunk.PAGES - 1, Chunk.PAGES - 1, R);
        assertThat(c.acquire()).isTrue();
        assertThat(c.sealIfFree()).isFalse();
        for (int page = 0; page < Chunk.PAGES; page++) {
            assertThat(c.set(page, RX)).as("page %d", page).isEqualTo(page < 511 ? RWX : R);
        }
        c.set(0, Chunk.PAGES - 1, RWX, 0, narrowed);
        assertThat(c.acquire()).isTrue();
        assertThat(c.sealIfFree()).isTrue();
        assertThat(c.set(0, R)).isEqualTo(-1);
        assertThat(c.get(0)).isEqualTo(RWX);
    }
}
