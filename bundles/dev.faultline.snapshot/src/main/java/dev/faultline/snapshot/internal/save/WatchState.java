// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import dev.faultline.snapshot.internal.format.PageSet;
import dev.faultline.snapshot.internal.save.WriteWatch.Base;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link WriteWatch} does at a time. Between saves it is {@link Idle}, {@link Tracking} or
 * {@link Unmarked}; a save makes it {@link Prepared} while the guest runs, {@link Armed} in the
 * pause, and with its end one of the first three again:
 *
 * <pre>
 *   Idle      --prepare--> Prepared   a layer is added
 *   Tracking  --prepare--> Prepared   with its marks; without them if its layer was withdrawn
 *   Unmarked  --prepare--> Prepared
 *   Prepared  --arm------> Armed      new marks, and all pages are closed
 *   Prepared  --end------> what it was before
 *   Armed     --end------> Tracking   the save is the base now; or it is none, and its marks are
 *                                     those since the old base
 *   Armed     --end------> Unmarked   the save is no base, and the marks before it were not known
 *   any       --withdraw-> Idle       there is no base, or the watch is released
 * </pre>
 *
 * <p>The fields of a state never change, and what they refer to is made for many threads. {@link
 * #beforeWrite}, {@link #open} and {@link #setUneven} are for any thread, without a lock; they
 * allocate nothing. {@link #copy} too is for any thread. The rest, and the change from one state to
 * the next, is for the save that holds {@link WriteWatch#saving}.
 *
 * <p>States differ by their methods, and no code switches over their types: such a switch is linked
 * when it first runs, which would be in a pause, or while a vCPU waits for its fault.
 */
sealed interface WatchState {
    /** The page is about to be written: when this returns, it may be. */
    default void beforeWrite(int page) {}

    /** Lets the guest write a page that a fault stopped at. */
    default void open(long gfn) {}

    /** Pages will be marked that no fault opened, see {@link Marks#setUneven}. */
    default void setUneven() {}

    /** What a live save still has to take; null if there is none. */
    default @Nullable LiveCopy copy() {
        return null;
    }

    /** The last snapshot that was saved with tracking; null if there is none. */
    @Nullable Base base();

    /** Pages written since the base, in a pause; null if that is not known for sure. */
    default @Nullable PageSet writtenSinceBase(AnnouncedMapping announced) {
        return null;
    }

    /**
     * What follows when the save has ended.
     *
     * @param saved the new base; null: the old one stays
     */
    default WatchState ended(@Nullable Base saved) {
        return this; // the save failed before it changed anything, or the watch was released
    }

    /** Nothing is watched, no layer is there. */
    record Idle() implements WatchState {
        @Override
        public @Nullable Base base() {
            return null;
        }
    }

    /** There is a layer, so writes fault, and each has to open its page. */
    sealed interface Protected extends WatchState {
        WriteProtection protection();

        @Override
        default void open(long gfn) {
            protection().open(gfn);
        }
    }

    /** No save is at work. */
    sealed interface Resting extends Protected {}

    /**
     * What was written since the base is not known, so nothing is marked: a page that is written
     * faults once and stays open.
     *
     * @param base null for the short time in which a layer comes or goes
     */
    record Unmarked(WriteProtection protection, @Nullable Base base) implements Resting {}

    /**
     * Writes since the base are marked.
     *
     * @param marks since the last arming, which may be a later one than the base's
     * @param earlier written between the base and the last arming, by a save that armed and failed
     *     or did not become the base; null: nothing, as the last arming was the base's
     */
    record Tracking(WriteProtection protection, Marks marks, Base base, @Nullable PageSet earlier)
            implements Resting {
        @Override
        public void beforeWrite(int page) {
            marks.add(page);
        }

        @Override
        public void setUneven() {
            marks.setUneven();
        }

        @Override
        public @Nullable PageSet writtenSinceBase(AnnouncedMapping announced) {
            return marks.areComplete(protection, announced) ? marks.with(earlier) : null;
        }
    }

    /**
     * A save is about to arm. The guest runs, and is watched as before.
     *
     * @param before what was done until now, and will be again if the save fails before it arms
     * @param next empty; made in advance so that the pause is short
     */
    record Prepared(Resting before, Marks next) implements Protected {
        @Override
        public WriteProtection protection() {
            return before.protection();
        }

        @Override
        public @Nullable Base base() {
            return before.base();
        }

        @Override
        public void beforeWrite(int page) {
            before.beforeWrite(page);
        }

        @Override
        public void setUneven() {
            before.setUneven();
        }

        @Override
        public @Nullable PageSet writtenSinceBase(AnnouncedMapping announced) {
            return before.writtenSinceBase(announced);
        }

        Armed armed(@Nullable PageSet known, @Nullable LiveCopy copy) {
            return new Armed(before.protection(), next, copy, before.base(), known);
        }

        @Override
        public WatchState ended(@Nullable Base saved) {
            return before;
        }
    }

    /**
     * A save's pause, and the time until the save has ended.
     *
     * @param marks since the pause
     * @param copy is told of a page before it is written; null if the save takes all in the pause
     * @param base that of the time before this save; null if there was none
     * @param known what was written between the base and the pause; null: that is not known
     */
    record Armed(
            WriteProtection protection,
            Marks marks,
            @Nullable LiveCopy copy,
            @Nullable Base base,
            @Nullable PageSet known)
            implements Protected {
        @Override
        public void beforeWrite(int page) {
            if (copy != null) {
                copy.preserve(page);
            }
            marks.add(page);
        }

        @Override
        public void setUneven() {
            marks.setUneven();
        }

        @Override
        public WatchState ended(@Nullable Base saved) {
            if (saved != null) {
                return new Tracking(protection, marks, saved, null);
            }
            return known == null || base == null
                    ? new Unmarked(protection, base)
                    : new Tracking(protection, marks, base, known);
        }
    }
}
