// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import dev.faultline.api.address.Page;
import java.util.ArrayList;
import java.util.List;

/** What of RAM an image takes, and where there is room for what a loader adds. */
final class Occupied {
    /** Above the real-mode vectors and what a BIOS would keep there. */
    private static final long LOWEST = 0x1000;

    /** Where loaders of this kind usually put their information. */
    private static final long USUAL = 0x9000;

    private final List<long[]> ranges = new ArrayList<>();
    private long end;

    void add(long gpa, long bytes) {
        ranges.add(new long[] {gpa, gpa + bytes});
        end = Math.max(end, gpa + bytes);
    }

    /** First gpa after everything. */
    long end() {
        return end;
    }

    boolean overlaps(long gpa, long bytes) {
        return ranges.stream().anyMatch(x -> gpa < x[1] && gpa + bytes > x[0]);
    }

    /**
     * Room in RAM that guests use, on a page boundary: in conventional memory if there is, else
     * after the image.
     *
     * @return its gpa, taken from now on; -1 if there is none
     */
    long take(GuestRam ram, long bytes) {
        long found = -1;
        for (long at = USUAL; found < 0 && at + bytes <= MemoryMap.LOW_END; at += Page.SIZE) {
            found = overlaps(at, bytes) ? -1 : at;
        }
        for (long at = LOWEST; found < 0 && at + bytes <= USUAL; at += Page.SIZE) {
            found = overlaps(at, bytes) ? -1 : at;
        }
        if (found < 0) {
            long after = Math.max(end, MemoryMap.MIB) + Page.SIZE - 1 & -Page.SIZE;
            found = ram.contains(after, bytes) && after + bytes <= ram.lowEnd() ? after : -1;
        }
        if (found >= 0) {
            add(found, bytes);
        }
        return found;
    }
}
