// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.save;

import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.PageSet;
import dev.faultline.snapshot.internal.format.RamMap;
import dev.faultline.snapshot.internal.image.Pager;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Hands out the pages of write-protected memory as they were at one moment, while the guest goes
 * on. Whoever is about to write a page calls {@link #preserve} first, which copies it aside unless
 * it was taken already; the save takes each page once, from the guest's memory or from aside.
 * Whoever touches a page's bytes has claimed it with a compare-and-set, so nobody reads what
 * another one writes, and nobody reads memory that is gone ({@link #lose}).
 *
 * <p>Aside is a reservation as large as the RAM, of which a page costs memory from when it is
 * copied until its section was taken.
 */
public final class LiveCopy implements AutoCloseable {
    /** What {@link #take} says of a page that is only in the snapshot it was to be loaded from. */
    static final int ABSENT = -1;

    private static final byte WAITING = 0;
    private static final byte CLAIMED = 1;
    private static final byte ASIDE = 2;

    /** As ASIDE, of a page that was all zero: nothing was copied. */
    private static final byte ASIDE_ZERO = 3;

    /** As ASIDE, of a page that the machine had not loaded yet. */
    private static final byte ASIDE_ABSENT = 4;

    private static final byte TAKEN = 5;
    private static final byte LOST = 6;

    private static final int SPINS = 200;
    private static final VarHandle STATE =
            MethodHandles.arrayElementVarHandle(byte[].class).withInvokeExactBehavior();

    private final RamMap ramMap;
    private final byte[] state;
    private final HostRegion shadow;
    private final int most;
    private final AtomicInteger aside = new AtomicInteger();
    private final BitSet touched; // sections with pages aside that were taken; the save's thread
    private volatile String lost = "its memory is gone";
    private final @Nullable Pager source;
    private @Nullable PageSet wanted;

    /**
     * @param source fills the machine; null: all pages are in its own memory
     * @param most pages that may be aside before the guest has to wait for the save
     */
    LiveCopy(HostMemory host, RamMap ramMap, int pages, @Nullable Pager source, int most) {
        this.source = source;
        this.ramMap = ramMap;
        this.state = new byte[pages];
        this.most = most;
        this.touched = new BitSet();
        this.shadow = host.reserve((long) pages * Layout.PAGE);
    }

    /**
     * The moment: all vCPUs stand. Before the first {@link #preserve}.
     *
     * @param wanted pages that the save will take; null: all
     */
    void begin(@Nullable PageSet wanted) {
        this.wanted = wanted;
    }

    /**
     * Makes sure that a write to the page cannot change what the save gets. Any thread; allocates
     * nothing, and waits for the copying of one page at most.
     */
    void preserve(int page) {
        if (wanted != null && !wanted.has(page)) {
            return;
        }
        for (int spins = 0; ; spins++) {
            byte s = (byte) STATE.getAcquire(state, page);
            if (s == WAITING) {
                if (STATE.compareAndSet(state, page, WAITING, CLAIMED)) {
                    STATE.setRelease(state, page, copyAside(page));
                    return;
                }
            } else if (s != CLAIMED) {
                return;
            }
            pause(spins);
        }
    }

    private boolean isAbsent(int page) {
        return source != null && !source.isPresent(page);
    }

    private byte copyAside(int page) {
        if (isAbsent(page)) {
            return ASIDE_ABSENT; // to be loaded first, and only then written
        }
        long hva = ramMap.hvaOf(page);
        if (Frozen.isZero(hva)) {
            return ASIDE_ZERO;
        }
        HostBytes.copy(hva, shadow.address() + (long) page * Layout.PAGE, Layout.PAGE);
        aside.incrementAndGet();
        return ASIDE;
    }

    private static void pause(int spins) {
        if (spins < SPINS) {
            Thread.onSpinWait();
        } else {
            Thread.yield(); // its owner does not run
        }
    }

    /**
     * Takes a page, once. The save's thread.
     *
     * @param mayHold false: the page was zero when that was looked at, after {@link #begin}
     * @return {@link Layout#ZERO} or {@link #ABSENT}, and {@code to} untouched, or {@link
     *     Layout#CHUNK}
     */
    int take(int page, boolean mayHold, byte[] to, int at) throws SnapshotException {
        for (int spins = 0; ; spins++) {
            byte s = (byte) STATE.getAcquire(state, page);
            switch (s) {
                case WAITING -> {
                    if (STATE.compareAndSet(state, page, WAITING, CLAIMED)) {
                        int kind =
                                isAbsent(page)
                                        ? ABSENT
                                        : mayHold
                                                ? Frozen.read(ramMap.hvaOf(page), to, at)
                                                : Layout.ZERO;
                        STATE.setRelease(state, page, TAKEN);
                        return kind;
                    }
                }
                case ASIDE -> {
                    HostBytes.copyOut(
                            shadow.address() + (long) page * Layout.PAGE, to, at, Layout.PAGE);
                    aside.decrementAndGet();
                    touched.set(page / Layout.SECTION);
                    STATE.setRelease(state, page, TAKEN);
                    return Layout.CHUNK;
                }
                case ASIDE_ZERO -> {
                    STATE.setRelease(state, page, TAKEN);
                    return Layout.ZERO;
                }
                case ASIDE_ABSENT -> {
                    STATE.setRelease(state, page, TAKEN);
                    return ABSENT;
                }
                case LOST -> throw new SnapshotException(Kind.MISMATCH, lost);
                case TAKEN -> throw new IllegalStateException("page " + page + " taken twice");
                default -> pause(spins);
            }
        }
    }

    /** All pages of a section were taken: gives back what was aside of it. */
    void sectionTaken(int section) {
        if (touched.get(section)) {
            long from = (long) section * Layout.SECTION * Layout.PAGE;
            long end = Math.min(shadow.size(), from + (long) Layout.SECTION * Layout.PAGE);
            shadow.discard(from, end - from);
            touched.clear(section);
        }
    }

    /**
     * The memory of pages first..end-1 goes: returns when nobody reads it, and nobody will.
     *
     * @param why what a save is told that still wants one
     */
    void lose(int first, int end, String why) {
        lost = why;
        for (int page = first; page < end; page++) {
            for (int spins = 0; ; spins++) {
                byte s = (byte) STATE.getAcquire(state, page);
                if (s == WAITING ? STATE.compareAndSet(state, page, WAITING, LOST) : s != CLAIMED) {
                    break;
                }
                pause(spins);
            }
        }
    }

    /** So much is aside that the guest shall wait. */
    boolean isCrowded() {
        return aside.get() > most;
    }

    /** It has waited enough. */
    boolean isRoomy() {
        return aside.get() <= most / 2;
    }

    /** Lets late callers of {@link #preserve} finish first. */
    @Override
    public void close() {
        lose(0, state.length, "the save has ended");
        shadow.close();
    }
}
