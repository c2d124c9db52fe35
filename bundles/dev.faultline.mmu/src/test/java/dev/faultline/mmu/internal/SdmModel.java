// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import java.util.ArrayList;
import java.util.List;

/**
 * Paging as SDM 3A, chapter "Paging", tells it, written for reading: first the entries of the walk,
 * then access rights as the section "Determination of Access Rights" lists them case by case, then
 * accessed and dirty flags, then the error code. Shares no code with the MMU.
 */
final class SdmModel {
    enum Mode {
        BITS32,
        PAE,
        LEVEL4
    }

    // What the model is asked about.
    Mode mode;
    int physicalBits;
    boolean wp;
    boolean pse;
    boolean smep;
    boolean smap;
    boolean nxe;
    boolean ac;
    int cpl;
    boolean implicit;
    boolean write;
    boolean fetch;
    long cr3;
    long[] pdpte = new long[4];

    // What it answers.
    boolean fault;
    int errorCode;
    long gpa;
    final List<Long> entryGpas = new ArrayList<>();
    final List<Long> entriesAfter = new ArrayList<>();

    private record Entry(long gpa, long value, int level) {}

    void walk(Rig rig, long lin) {
        List<Entry> path = new ArrayList<>();
        entryGpas.clear();
        entriesAfter.clear();
        fault = false;
        boolean user = cpl == 3 && !implicit;
        int levels = mode == Mode.LEVEL4 ? 4 : 2;
        int indexBits = mode == Mode.BITS32 ? 10 : 9;
        long table = mode == Mode.LEVEL4 ? field(cr3, 12, physicalBits - 1) : cr3 & 0xFFFFF000L;
        boolean notPresent = false;
        boolean reserved = false;
        boolean mapped = false;
        if (mode == Mode.PAE) {
            long p = pdpte[(int) (lin >>> 30 & 3)];
            notPresent = (p & 1) == 0;
            table = field(p, 12, physicalBits - 1);
        }
        int level = levels;
        while (!notPresent && !reserved && !mapped) {
            int shift = 12 + indexBits * (level - 1);
            long index = lin >>> shift & (1L << indexBits) - 1;
            long at = table + index * (mode == Mode.BITS32 ? 4 : 8);
            if (at + 8 > Rig.RAM) {
                reserved = true; // our choice for device space, which answers all ones
                break;
            }
            long e = mode == Mode.BITS32 ? rig.get32(at) : rig.get64(at);
            path.add(new Entry(at, e, level));
            boolean big = bit(e, 7) && mayBeLarge(level);
            if (!bit(e, 0)) {
                notPresent = true;
            } else if (hasReserved(e, level, big)) {
                reserved = true;
            } else if (level == 1 || big) {
                mapped = true;
                gpa = frame(e, shift) | lin & (1L << shift) - 1;
            } else {
                table = mode == Mode.BITS32 ? e & 0xFFFFF000L : field(e, 12, physicalBits - 1);
                level--;
            }
        }
        boolean permitted = mapped && permitted(path, user);
        fault = !permitted;
        for (int i = 0; i < path.size(); i++) {
            Entry e = path.get(i);
            boolean last = i == path.size() - 1 && e.level == level;
            long after = e.value;
            if (!last || permitted) {
                after |= 0x20;
            }
            if (last && permitted && write) {
                after |= 0x40;
            }
            entryGpas.add(e.gpa);
            entriesAfter.add(after);
        }
        boolean idBit = fetch && (smep || nxe && mode != Mode.BITS32);
        errorCode =
                (notPresent ? 0 : 1)
                        + (write ? 2 : 0)
                        + (user ? 4 : 0)
                        + (reserved ? 8 : 0)
                        + (idBit ? 16 : 0);
    }

    private boolean mayBeLarge(int level) {
        return switch (mode) {
            case BITS32 -> level == 2 && pse;
            case PAE -> level == 2;
            case LEVEL4 -> level == 2 || level == 3;
        };
    }

    private boolean hasReserved(long e, int level, boolean big) {
        if (mode == Mode.BITS32) {
            if (!big) {
                return false;
            }
            int m = Math.min(40, physicalBits);
            return anyBit(e, m - 19, 21); // bits 20:13 hold address bits 39:32
        }
        if (bit(e, 63) && !nxe) {
            return true;
        }
        int topReserved = mode == Mode.PAE ? 62 : 51;
        if (anyBit(e, physicalBits, topReserved)) {
            return true;
        }
        if (mode == Mode.LEVEL4 && level == 4) {
            return bit(e, 7);
        }
        return big && anyBit(e, 13, level == 3 ? 29 : 20);
    }

    private long frame(long e, int shift) {
        if (mode == Mode.BITS32 && shift == 22) {
            return field(e, 22, 31) | (e >>> 13 & 0xFF) << 32;
        }
        return mode == Mode.BITS32 ? e & 0xFFFFF000L : field(e, shift, physicalBits - 1);
    }

    private boolean permitted(List<Entry> path, boolean user) {
        boolean userAddress = path.stream().allMatch(e -> bit(e.value, 2));
        boolean everyRw = path.stream().allMatch(e -> bit(e.value, 1));
        boolean xd = nxe && mode != Mode.BITS32 && path.stream().anyMatch(e -> bit(e.value, 63));
        if (user) {
            if (fetch) {
                return userAddress && !xd;
            }
            return write ? userAddress && everyRw : userAddress;
        }
        boolean explicitWithAc = ac && !implicit;
        if (fetch) {
            return userAddress ? !smep && !xd : !xd;
        }
        if (!write) {
            return !userAddress || !smap || explicitWithAc;
        }
        if (!userAddress) {
            return !wp || everyRw;
        }
        if (!wp) {
            return !smap || explicitWithAc;
        }
        return smap ? explicitWithAc && everyRw : everyRw;
    }

    private static boolean bit(long e, int n) {
        return (e >>> n & 1) == 1;
    }

    private static boolean anyBit(long e, int low, int high) {
        for (int i = low; i <= high; i++) {
            if (bit(e, i)) {
                return true;
            }
        }
        return false;
    }

    private static long field(long e, int low, int high) {
        long r = 0;
        for (int i = low; i <= high; i++) {
            r |= e & 1L << i;
        }
        return r;
    }
}
