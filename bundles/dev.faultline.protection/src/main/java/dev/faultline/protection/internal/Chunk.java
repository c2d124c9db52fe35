// SPDX-License-Identifier: Apache-2.0
package dev.faultline.protection.internal;

import dev.faultline.api.protection.Rights;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Rights of 512 pages (2 MiB of gpa) in one layer: either uniform, one shared immutable object, or
 * packed, 21 pages of 3 bits to a word, so that every change of one page is one compare-and-set and
 * can neither be lost nor be seen half done.
 *
 * <p>A packed chunk is taken out of service by sealing it: one thread becomes its owner ({@link
 * #acquire}) and sets {@link #SEALED} in every word, after which no writer succeeds; then it either
 * replaces the chunk in its directory or unseals it. Readers never notice. Writers that meet a seal
 * look the chunk up again.
 */
final class Chunk {
    static final int PAGES = 512;

    private static final int PAGES_PER_WORD = 21;
    private static final int WORDS = (PAGES + PAGES_PER_WORD - 1) / PAGES_PER_WORD;

    /** Bit 0 of every field. */
    private static final long UNIT = 0x1249_2492_4924_9249L;

    private static final long ALL = UNIT * Rights.RWX;
    private static final long SEALED = 1L << 63;
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);
    private static final VarHandle OWNED;
    private static final @Nullable Chunk[] UNIFORM = new Chunk[Rights.MASK + 1];

    static {
        try {
            OWNED = MethodHandles.lookup().findVarHandle(Chunk.class, "owned", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
        for (int r = 0; r < Rights.RWX; r++) {
            UNIFORM[r] = new Chunk(r, null, false);
        }
    }

    /** Rights of every page, or -1 for a packed chunk. */
    private final int uniform;

    /**
     * Packed: field i of word w is page w * 21 + i. Fields past page 511 always hold RWX. Uniform:
     * null.
     */
    private final long @Nullable [] words;

    private final boolean outlivesRestrictions;

    @SuppressWarnings("unused") // through OWNED
    private volatile int owned;

    private Chunk(int uniform, long @Nullable [] words, boolean outlivesRestrictions) {
        this.uniform = uniform;
        this.words = words;
        this.outlivesRestrictions = outlivesRestrictions;
    }

    /** The chunk whose pages all have {@code rights}: null, which costs nothing, for RWX. */
    static @Nullable Chunk uniform(int rights) {
        return UNIFORM[rights];
    }

    /** Rights of every page if {@code c} is uniform or null, else -1. */
    static int uniformRights(@Nullable Chunk c) {
        return c == null ? Rights.RWX : c.uniform;
    }

    /** A packed chunk: {@code inside} for pages first..last, {@code outside} for the others. */
    static Chunk packed(int outside, int first, int last, int inside) {
        long[] words = new long[WORDS];
        Arrays.fill(words, UNIT * outside);
        words[WORDS - 1] |= ~pagesMask(WORDS - 1, 0, PAGES - 1) & ALL;
        for (int w = first / PAGES_PER_WORD; w <= last / PAGES_PER_WORD; w++) {
            long mask = pagesMask(w, first, last);
            words[w] = words[w] & ~mask | UNIT * inside & mask;
        }
        return new Chunk(-1, words, outside == Rights.RWX);
    }

    /** Packed from an open chunk: worth keeping when it restricts nothing any more. */
    boolean outlivesRestrictions() {
        return outlivesRestrictions;
    }

    /** Bytes of a packed chunk: object and array headers and the words. */
    static long packedBytes() {
        return 24 + 16 + 8L * WORDS;
    }

    /** The fields of word {@code w} that belong to pages first..last. */
    private static long pagesMask(int w, int first, int last) {
        int base = w * PAGES_PER_WORD;
        int low = Math.max(first - base, 0);
        int high = Math.min(last - base, PAGES_PER_WORD - 1);
        return ALL >>> 3 * (PAGES_PER_WORD - 1 - high + low) << 3 * low;
    }

    private long word(int w) {
        return (long) WORD.getVolatile(words, w);
    }

    int get(int page) {
        if (words == null) {
            return uniform;
        }
        return (int) (word(page / PAGES_PER_WORD) >>> 3 * (page % PAGES_PER_WORD)) & Rights.MASK;
    }

    /**
     * Packed: sets one page and returns its old rights, or -1 if the chunk is sealed and nothing
     * was changed.
     */
    int set(int page, int rights) {
        int w = page / PAGES_PER_WORD;
        int shift = 3 * (page % PAGES_PER_WORD);
        for (; ; ) {
            long old = word(w);
            if (old < 0) {
                return -1;
            }
            long now = old & ~(7L << shift) | (long) rights << shift;
            if (now == old || WORD.compareAndSet(words, w, old, now)) {
                return (int) (old >>> shift) & Rights.MASK;
            }
        }
    }

    /**
     * Packed: sets pages first..last, telling {@code narrowed} which lost a right; {@code base} is
     * the gfn of page 0. False if a seal was met: some pages may be set, and the caller repeats on
     * the chunk's successor.
     */
    boolean set(int first, int last, int rights, long base, Narrowed narrowed) {
        for (int w = first / PAGES_PER_WORD; w <= last / PAGES_PER_WORD; w++) {
            long mask = pagesMask(w, first, last);
            long value = UNIT * rights & mask;
            long old;
            long now;
            do {
                old = word(w);
                if (old < 0) {
                    return false;
                }
                now = old & ~mask | value;
            } while (now != old && !WORD.compareAndSet(words, w, old, now));
            report(narrowed, old & ~now, base + (long) w * PAGES_PER_WORD);
        }
        return true;
    }

    private static void report(Narrowed narrowed, long lost, long wordBase) {
        if (lost != 0) {
            narrowed.add(
                    wordBase + Long.numberOfTrailingZeros(lost) / 3,
                    wordBase + (63 - Long.numberOfLeadingZeros(lost)) / 3);
        }
    }

    // ---- replacing a packed chunk

    /** Makes the caller the only one who may seal this chunk. */
    boolean acquire() {
        return OWNED.compareAndSet(this, 0, 1);
    }

    /**
     * Owner: ends all writing; tells which pages would lose a right if all became {@code rights}.
     */
    void seal(int rights, long base, Narrowed narrowed) {
        for (int w = 0; w < WORDS; w++) {
            long old = (long) WORD.getAndBitwiseOr(words, w, SEALED);
            long inside = pagesMask(w, 0, PAGES - 1);
            report(narrowed, old & ~(UNIT * rights) & inside, base + (long) w * PAGES_PER_WORD);
        }
    }

    /** True if the word that holds {@code page} restricts nothing: worth a {@link #sealIfFree}. */
    boolean wordFree(int page) {
        return (word(page / PAGES_PER_WORD) & ALL) == ALL;
    }

    /**
     * Owner: seals the chunk if no page is restricted, else leaves it unsealed and gives up
     * ownership.
     */
    boolean sealIfFree() {
        for (int w = 0; w < WORDS; w++) {
            if (!WORD.compareAndSet(words, w, ALL, ALL | SEALED)) {
                while (--w >= 0) {
                    WORD.setVolatile(words, w, ALL);
                }
                OWNED.setVolatile(this, 0);
                return false;
            }
        }
        return true;
    }

    // ---- queries

    /** First page at or after {@code page} with rights other than RWX, or -1. */
    int nextRestricted(int page) {
        if (words == null) {
            return page;
        }
        for (int w = page / PAGES_PER_WORD; w < WORDS; w++) {
            long closed = ~word(w) & pagesMask(w, page, PAGES - 1);
            if (closed != 0) {
                return w * PAGES_PER_WORD + Long.numberOfTrailingZeros(closed) / 3;
            }
        }
        return -1;
    }

    int restrictedPages() {
        if (words == null) {
            return PAGES;
        }
        int n = 0;
        for (int w = 0; w < WORDS; w++) {
            long closed = ~word(w) & ALL;
            n += Long.bitCount((closed | closed >>> 1 | closed >>> 2) & UNIT);
        }
        return n;
    }
}
