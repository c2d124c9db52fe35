// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import dev.faultline.api.memory.MemorySlot;
import java.util.List;

/**
 * The mapping of writable memory that was announced last, until it is known to be in the published
 * map. An arming needs it: it protects the slots that it finds, and between announcement and
 * publication the new slot is not among them.
 *
 * <p>One is enough. The map's lock is held from the announcement of a change until after its
 * publication, and while listeners are told of a removal. So whoever is told of a next change knows
 * that the announced mapping was published, or refused, in which case it never will be.
 *
 * <p>Threads: {@link #announce} and {@link #settle} are called with the map's lock held, the rest
 * by the save that holds {@link WriteWatch#saving}; these two do not exclude each other.
 */
final class AnnouncedMapping {
    private volatile MemorySlot last;

    /** Must come before the pages are marked: an arming in between has new marks, and finds it. */
    void announce(MemorySlot now) {
        last = now;
    }

    /** Another change of the map was published, so this one was before. */
    void settle() {
        last = null;
    }

    /** Whether there may be one that is not published. */
    boolean isAny() {
        return last != null;
    }

    /**
     * The announced mapping if it is not among the slots. If it is, it is announced no longer.
     *
     * <p>Another one may be announced between the last comparison and the line after it, and is
     * forgotten then. This arming loses no mark by that: who announces it finds the arming's state,
     * and marks its pages in there.
     *
     * @param slots read after the arming's state was published
     * @return null if there is none
     */
    MemorySlot missingIn(List<MemorySlot> slots) {
        MemorySlot next = last;
        if (next == null) {
            return null;
        }
        if (!isShown(slots, next)) {
            return next;
        }
        if (next == last) {
            last = null;
        }
        return null;
    }

    /**
     * Whether a slot shows these bytes at this place. A read-only one does too, although its pages
     * are not protected.
     */
    private static boolean isShown(List<MemorySlot> slots, MemorySlot part) {
        for (MemorySlot s : slots) {
            if (s.block() == part.block()
                    && s.gpa() <= part.gpa()
                    && s.end() >= part.end()
                    && s.hva() - s.gpa() == part.hva() - part.gpa()) {
                return true;
            }
        }
        return false;
    }
}
