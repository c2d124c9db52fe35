// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import dev.faultline.api.memory.MemorySlot;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

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
    private final AtomicReference<@Nullable MemorySlot> last = new AtomicReference<>();

    /** Must come before the pages are marked: an arming in between has new marks, and finds it. */
    void announce(MemorySlot now) {
        last.set(now);
    }

    /** Another change of the map was published, so this one was before. */
    void settle() {
        last.set(null);
    }

    /** Whether there may be one that is not published. */
    boolean isAny() {
        return last.get() != null;
    }

    /** The mapping that may not be published yet; null if there is none. */
    @Nullable MemorySlot last() {
        return last.get();
    }

    /**
     * Whether a mapping that was the {@link #last} is among the slots, writable as it was
     * announced. Then it is announced no longer.
     *
     * @param slots read after the mapping was
     */
    boolean isPublished(MemorySlot mapping, List<MemorySlot> slots) {
        if (!isShown(slots, mapping)) {
            return false;
        }
        last.compareAndSet(mapping, null); // else another one was announced since, and stays
        return true;
    }

    private static boolean isShown(List<MemorySlot> slots, MemorySlot part) {
        for (MemorySlot s : slots) {
            if (!s.readOnly()
                    && s.block() == part.block()
                    && s.gpa() <= part.gpa()
                    && s.end() >= part.end()
                    && s.hva() - s.gpa() == part.hva() - part.gpa()) {
                return true;
            }
        }
        return false;
    }
}
