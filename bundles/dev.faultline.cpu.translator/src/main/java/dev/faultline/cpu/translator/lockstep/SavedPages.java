// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.lockstep;

import static dev.faultline.api.memory.HostBytes.ALL;

import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Hva;
import dev.faultline.api.address.Page;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The few pages of guest memory that generated code may write now, and what was in them before it
 * did. On the vCPU's thread.
 */
final class SavedPages {
    static final int MOST = 8;

    /** Of each: the page's linear and host address, and whose rights it is written with. */
    private final @Gva long[] lins = new long[MOST];

    private final @Hva long[] hvas = new long[MOST];
    private final int[] rights = new int[MOST];

    private final boolean[] changed = new boolean[MOST];
    private final MemorySegment before = Arena.ofAuto().allocate((long) MOST * Page.SIZE, 64);
    private final MemorySegment after = Arena.ofAuto().allocate((long) MOST * Page.SIZE, 64);
    private int count;
    private int next;

    int count() {
        return count;
    }

    @Gva
    long lin(int i) {
        return lins[i];
    }

    int rights(int i) {
        return rights[i];
    }

    /**
     * Where the context's data entry at {@code entry} says that a linear address is.
     *
     * @param from that address; what is added to it makes it one of the host
     */
    static @Hva long mapped(VcpuContext v, int entry, long from) {
        return from + v.tlb[entry + 2];
    }

    /** Which one is replaced by the next that is added; -1: none. */
    int oldest() {
        return count < MOST ? -1 : next;
    }

    void add(int rightsClass, @Gva long lin, @Hva long hva) {
        rights[next] = rightsClass;
        lins[next] = lin & Page.MASK;
        hvas[next] = hva & Page.MASK;
        next = (next + 1) % MOST;
        count = Math.min(count + 1, MOST);
    }

    /** Translations may be others now. */
    void clear() {
        count = 0;
        next = 0;
    }

    boolean holdsHost(@Hva long hva) {
        for (int i = 0; i < count; i++) {
            if (hvas[i] == (hva & Page.MASK)) {
                return true;
            }
        }
        return false;
    }

    /** Before generated code runs. */
    void save() {
        for (int i = 0; i < count; i++) {
            HostBytes.copy(hvas[i], copy(before, i), Page.SIZE);
        }
    }

    /** After it: keeps what it made of them, and puts back what was there. */
    void undo() {
        for (int i = 0; i < count; i++) {
            changed[i] = mismatch(hvas[i], copy(before, i)) >= 0;
            if (changed[i]) {
                HostBytes.copy(hvas[i], copy(after, i), Page.SIZE);
            }
        }
        restore();
    }

    /** Puts back what was there before generated code ran. */
    void restore() {
        for (int i = 0; i < count; i++) {
            if (changed[i] || mismatch(hvas[i], copy(before, i)) >= 0) {
                HostBytes.copy(copy(before, i), hvas[i], Page.SIZE);
            }
        }
    }

    /** Whether the pages are as generated code left them. */
    boolean same() {
        for (int i = 0; i < count; i++) {
            if (mismatch(hvas[i], copy(changed[i] ? after : before, i)) >= 0) {
                return false;
            }
        }
        return true;
    }

    /**
     * Where they are not; empty: nowhere.
     *
     * @param image bits that may differ in all words of eight bytes
     */
    String difference(long image) {
        StringBuilder b = new StringBuilder();
        for (int i = 0; i < count; i++) {
            long translated = copy(changed[i] ? after : before, i);
            int word = 0;
            while (word < Page.SIZE
                    && ((HostBytes.get64(translated + word) ^ HostBytes.get64(hvas[i] + word))
                                    & ~image)
                            == 0) {
                word += 8;
            }
            if (word < Page.SIZE) {
                b.append(
                        "memory at %x: %x, interpreted %x, before %x; "
                                .formatted(
                                        lins[i] + word,
                                        HostBytes.get64(translated + word),
                                        HostBytes.get64(hvas[i] + word),
                                        HostBytes.get64(copy(before, i) + word)));
            }
        }
        return b.toString();
    }

    private static @Hva long copy(MemorySegment of, int i) {
        return of.address() + (long) i * Page.SIZE;
    }

    private static long mismatch(@Hva long aHva, @Hva long bHva) {
        return MemorySegment.mismatch(ALL, aHva, aHva + Page.SIZE, ALL, bHva, bHva + Page.SIZE);
    }
}
