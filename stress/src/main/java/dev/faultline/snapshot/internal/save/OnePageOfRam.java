// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.format.RamMap;
import java.lang.foreign.Arena;
import java.util.List;

/** A guest with one page of RAM, of which a save is going on. */
final class OnePageOfRam {
    /** What the page holds at the moment of the save, byte for byte. */
    static final byte THEN = 1;

    /** What the guest writes afterwards. */
    static final byte LATER = 2;

    /** What is found where memory is gone. */
    static final byte GONE = 3;

    /** What {@link #take} says of a page that is lost. */
    static final byte LOST = -1;

    /** What {@link #take} says of a page that is of two times. */
    static final byte MIXED = -2;

    private final Arena arena = Arena.ofAuto();
    private final long hva = page();
    private final LiveCopy live =
            new LiveCopy(
                    new Pages(),
                    new RamMap(List.of(new Manifest.Region("ram", Layout.PAGE)), new long[] {hva}),
                    1,
                    null,
                    1);
    private final byte[] taken = new byte[Layout.PAGE];

    OnePageOfRam() {
        fill(THEN);
        live.begin(null);
    }

    private long page() {
        return arena.allocate(Layout.PAGE, Layout.PAGE).address();
    }

    private void fill(byte with) {
        for (int at = 0; at < Layout.PAGE; at += 8) {
            HostBytes.put64(hva + at, with * 0x0101_0101_0101_0101L);
        }
    }

    /** A write that protection stops: preserved first, then done. */
    void write() {
        live.preserve(0);
        fill(LATER);
    }

    /** The RAM goes, and its addresses are another's. */
    void lose() {
        live.lose(0, 1, "unplugged");
        fill(GONE);
    }

    /** What the save gets: a byte that all of the page is, or {@link #LOST} or {@link #MIXED}. */
    byte take() {
        try {
            live.take(0, true, taken, 0);
        } catch (SnapshotException e) {
            return LOST;
        }
        for (byte b : taken) {
            if (b != taken[0]) {
                return MIXED;
            }
        }
        return taken[0];
    }

    /** Memory for the page aside. */
    private final class Pages implements HostMemory {
        @Override
        public int pageSize() {
            return Layout.PAGE;
        }

        @Override
        public HostRegion reserve(long bytes) {
            long at = page();
            return new HostRegion() {
                @Override
                public long address() {
                    return at;
                }

                @Override
                public long size() {
                    return bytes;
                }

                @Override
                public void discard(long offset, long size) {
                    throw new AssertionError("HostRegion.discard");
                }

                @Override
                public long residentBytes() {
                    throw new AssertionError("HostRegion.residentBytes");
                }

                @Override
                public void close() {}
            };
        }
    }
}
