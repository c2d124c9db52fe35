// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import dev.faultline.api.address.Page;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * The second stage: gfn to hva page with exactly the rights that the page has; shared by all vCPUs,
 * filled on first use. Also remembers per page whether it holds decoded code, and whether a vCPU
 * may hold a writable translation of it.
 *
 * <p>Shape: {@code root[gfn >>> 21]} (8 GiB each), {@code directory[4096]}, {@link Chunk} of 512
 * pages (2 MiB). A leaf is 0 (absent), positive (hva page | {@link #ROM} | rights), or negative:
 * the claim of the vCPU that is filling it.
 *
 * <p>Why a restriction cannot be missed, without a lock. A filler claims the leaf, then reads slot
 * and rights, then publishes with a compare-and-set from its own claim. A restrictor changes the
 * rights, then clears the leaf, then fences the vCPUs. If the filler read old rights, the clearing
 * comes after its claim and destroys the claim or the leaf; so an old leaf is never visible after
 * the clearing. The filler may still use what it read for the instruction that it is executing,
 * because the fence waits for that instruction and drops what it cached. A claim that cannot be had
 * (two vCPUs fill one page) is not waited for: the second vCPU uses what it reads without
 * publishing, and counts a stray, which makes the next restriction fence although it may find no
 * leaf.
 */
final class Ept {
    /** Leaf flag: the slot is read-only; writes go to the device bus. W is never set with it. */
    static final long ROM = 8;

    static final long HVA = Page.MASK;

    private static final int DIRECTORY_BITS = 12;
    private static final int CHUNK_BITS = 9;
    private static final int CHUNK_PAGES = 1 << CHUNK_BITS;
    private static final int ROOT_SHIFT = DIRECTORY_BITS + CHUNK_BITS;

    private static final VarHandle LONGS =
            MethodHandles.arrayElementVarHandle(long[].class).withInvokeExactBehavior();
    private static final VarHandle ROOT =
            MethodHandles.arrayElementVarHandle(Chunk[][].class).withInvokeExactBehavior();
    private static final VarHandle MADE =
            MethodHandles.arrayElementVarHandle(long[][].class).withInvokeExactBehavior();
    private static final VarHandle DIRECTORY =
            MethodHandles.arrayElementVarHandle(Chunk[].class).withInvokeExactBehavior();
    private static final VarHandle CODE;

    static {
        try {
            CODE =
                    MethodHandles.lookup()
                            .findVarHandle(Chunk.class, "code", long[].class)
                            .withInvokeExactBehavior();
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** 2 MiB of guest-physical space. */
    static final class Chunk {
        /** long[512], index = gfn &amp; 511. */
        final long[] leaf = new long[CHUNK_PAGES];

        /**
         * long[512] once a page holds decoded code: bit set of the vCPUs whose engines have it; see
         * {@link #ownerBit}.
         */
        long @Nullable [] code;

        /**
         * Bitmap: pages of which a vCPU may have cached a writable translation since the bit was
         * cleared.
         */
        final long[] written = new long[CHUNK_PAGES / 64];
    }

    /** What {@link #forEachCodePage} calls. */
    interface PageVisitor {
        void page(long gfn);
    }

    private final GuestMemory memory;
    private final RamProtection protection;
    private final @Nullable Chunk[] @Nullable [] root;

    /**
     * Bitmap for each directory: chunks that exist or are about to, so that a range of many GiB is
     * cleared by looking at those alone. Made before the directory, set before the chunk.
     */
    private final long[] @Nullable [] made;

    private final LongAdder present = new LongAdder();
    private final AtomicLong strays = new AtomicLong();

    Ept(GuestMemory memory, RamProtection protection) {
        this.memory = memory;
        this.protection = protection;
        int bits = memory.physicalAddressBits();
        if (bits < 32 || bits > 52) {
            throw new IllegalArgumentException(
                    "physical address width " + bits + ", expected 32 .. 52");
        }
        root = new Chunk[1 << Math.max(0, bits - 12 - ROOT_SHIFT)][];
        made = new long[root.length][];
    }

    /** The leaf of a page, or a value &lt;= 0 if there is none to use. */
    long leaf(long gfn) {
        Chunk c = chunk(gfn);
        return c == null ? 0 : (long) LONGS.getAcquire(c.leaf, (int) gfn & CHUNK_PAGES - 1);
    }

    /**
     * The leaf as memory and protection say now, installed if possible. Call when {@link #leaf} has
     * none or one without the right that is needed.
     *
     * @param claim negative, unique to the calling vCPU
     * @return the leaf, perhaps without rights; 0 for device space
     */
    long resolve(long gfn, long claim) {
        if (memory.slotAt(Page.gpa(gfn)) == null) {
            return 0;
        }
        long[] leaves = chunkFor(gfn).leaf;
        int i = (int) gfn & CHUNK_PAGES - 1;
        long old = (long) LONGS.getVolatile(leaves, i);
        boolean claimed = old >= 0 && LONGS.compareAndSet(leaves, i, old, claim);
        if (!claimed) {
            strays.getAndIncrement(); // before the rights are read
        } else if (old > 0) {
            present.decrement();
        }
        MemorySlot slot = memory.slotAt(Page.gpa(gfn));
        long leaf = 0;
        if (slot != null) {
            long rights = protection.rightsOf(gfn);
            leaf = slot.hva() + (Page.gpa(gfn) - slot.gpa());
            leaf |= slot.readOnly() ? rights & ~Rights.W | ROM : rights;
        }
        if (claimed && LONGS.compareAndSet(leaves, i, claim, leaf) && leaf != 0) {
            present.increment();
        }
        return leaf;
    }

    /**
     * Clears the leaves of a range.
     *
     * @return true if there was any, or a claim
     */
    boolean clear(long firstGfn, long pages) {
        boolean found = false;
        long end = end(firstGfn, pages);
        for (long gfn = nextMade(firstGfn, end); gfn < end; ) {
            Chunk c = chunkVolatile(gfn);
            long next = Math.min(end, (gfn >>> CHUNK_BITS) + 1 << CHUNK_BITS);
            if (c != null) {
                found |= clear(c.leaf, (int) gfn & CHUNK_PAGES - 1, (int) (next - gfn));
            }
            gfn = nextMade(next, end);
        }
        return found;
    }

    private boolean clear(long[] leaves, int from, int count) {
        boolean found = false;
        int gone = 0;
        for (int i = from; i < from + count; i++) {
            if ((long) LONGS.getVolatile(leaves, i) != 0) {
                found = true;
                if ((long) LONGS.getAndSet(leaves, i, 0L) > 0) {
                    gone++;
                }
            }
        }
        if (gone != 0) {
            present.add(-gone);
        }
        return found;
    }

    private long end(long firstGfn, long pages) {
        return Math.min(firstGfn + pages, (long) root.length << ROOT_SHIFT);
    }

    /**
     * {@code gfn}, or the first one after it in a chunk that exists; {@code end} or more if there
     * is none before. A chunk that is not seen was made after the caller changed what it clears
     * for.
     */
    private long nextMade(long gfn, long end) {
        long at = gfn;
        while (at < end) {
            int r = (int) (at >>> ROOT_SHIFT);
            if ((Chunk[]) ROOT.getVolatile(root, r) != null) {
                int i = directoryIndex(at);
                long bits = (long) LONGS.getVolatile(made[r], i >>> 6) & -1L << i;
                if (bits != 0) {
                    int to = i & ~63 | Long.numberOfTrailingZeros(bits);
                    return to == i ? at : (long) r << ROOT_SHIFT | (long) to << CHUNK_BITS;
                }
                if (i < (1 << DIRECTORY_BITS) - 64) {
                    at = (long) r << ROOT_SHIFT | (long) (i | 63) + 1 << CHUNK_BITS;
                    continue;
                }
            }
            at = (long) r + 1 << ROOT_SHIFT;
        }
        return at;
    }

    /** Translations used without a leaf, so far. */
    long strays() {
        return strays.get();
    }

    long presentPages() {
        return present.sum();
    }

    /** Bit 63 is shared by all vCPUs from 63 on, and therefore never taken back. */
    private static long ownerBit(int vcpu) {
        return 1L << Math.min(vcpu, 63);
    }

    private static long owners(Chunk c, long gfn) {
        long[] code = (long[]) CODE.getVolatile(c);
        return code == null ? 0 : (long) LONGS.getVolatile(code, (int) gfn & CHUNK_PAGES - 1);
    }

    boolean isCode(long gfn) {
        Chunk c = chunkVolatile(gfn);
        return c != null && owners(c, gfn) != 0;
    }

    boolean isCodeOf(long gfn, int vcpu) {
        Chunk c = chunkVolatile(gfn);
        return c != null && (owners(c, gfn) & ownerBit(vcpu)) != 0;
    }

    /** Marks a page as code of a vCPU. */
    void setCode(long gfn, int vcpu) {
        Chunk c = chunkFor(gfn);
        long[] code = (long[]) CODE.getVolatile(c);
        if (code == null) {
            long[] fresh = new long[CHUNK_PAGES];
            long[] other = (long[]) CODE.compareAndExchange(c, (long[]) null, fresh);
            code = other == null ? fresh : other;
        }
        int i = (int) gfn & CHUNK_PAGES - 1;
        long _ = (long) LONGS.getAndBitwiseOr(code, i, ownerBit(vcpu));
    }

    void clearCode(long gfn, int vcpu) {
        Chunk c = chunkVolatile(gfn);
        if (c != null && (owners(c, gfn) & ownerBit(vcpu)) != 0 && vcpu < 63) {
            long[] code = (long[]) CODE.getVolatile(c);
            long _ =
                    (long)
                            LONGS.getAndBitwiseAnd(
                                    code, (int) gfn & CHUNK_PAGES - 1, ~ownerBit(vcpu));
        }
    }

    /**
     * Asks to cache a writable translation of a page that has a leaf or had one; the answer stays
     * right until the vCPU's next instruction boundary.
     *
     * @return false if the page holds decoded code
     */
    boolean admitWriter(long gfn) {
        Chunk c = chunkFor(gfn);
        int w = word(gfn);
        long bit = 1L << gfn;
        if (owners(c, gfn) != 0) {
            return false;
        }
        if (((long) LONGS.getVolatile(c.written, w) & bit) == 0) {
            long _ = (long) LONGS.getAndBitwiseOr(c.written, w, bit);
        }
        // Also if the note was there: one whom the mark kept out may have left it behind.
        return owners(c, gfn) == 0;
    }

    /** Whether a vCPU may have a writable translation, after {@link #setCode}. */
    boolean mayBeWritten(long gfn) {
        long[] written = chunkFor(gfn).written;
        return ((long) LONGS.getVolatile(written, word(gfn)) & 1L << gfn) != 0;
    }

    /** No vCPU has: they were fenced after {@link #setCode}, whose mark the caller still has. */
    void forgetWriters(long gfn) {
        long[] written = chunkFor(gfn).written;
        long _ = (long) LONGS.getAndBitwiseAnd(written, word(gfn), ~(1L << gfn));
    }

    void forEachCodePage(long firstGfn, long pages, PageVisitor visitor) {
        long end = end(firstGfn, pages);
        for (long gfn = nextMade(firstGfn, end); gfn < end; ) {
            Chunk c = chunkVolatile(gfn);
            long next = Math.min(end, (gfn >>> CHUNK_BITS) + 1 << CHUNK_BITS);
            if (c != null && (long[]) CODE.getVolatile(c) != null) {
                for (; gfn < next; gfn++) {
                    if (owners(c, gfn) != 0) {
                        visitor.page(gfn);
                    }
                }
            }
            gfn = nextMade(next, end);
        }
    }

    private static int word(long gfn) {
        return (int) gfn >>> 6 & CHUNK_PAGES / 64 - 1;
    }

    private static int directoryIndex(long gfn) {
        return (int) (gfn >>> CHUNK_BITS) & (1 << DIRECTORY_BITS) - 1;
    }

    /** Plain reads: a chunk that is seen late is looked up again by {@link #resolve}. */
    private @Nullable Chunk chunk(long gfn) {
        long r = gfn >>> ROOT_SHIFT;
        if (r >= root.length) {
            return null;
        }
        @Nullable Chunk[] directory = root[(int) r];
        return directory == null ? null : directory[directoryIndex(gfn)];
    }

    private @Nullable Chunk chunkVolatile(long gfn) {
        long r = gfn >>> ROOT_SHIFT;
        if (r >= root.length) {
            return null;
        }
        @Nullable Chunk[] directory = (Chunk[]) ROOT.getVolatile(root, (int) r);
        return directory == null
                ? null
                : (Chunk) DIRECTORY.getVolatile(directory, directoryIndex(gfn));
    }

    private Chunk chunkFor(long gfn) {
        long r = gfn >>> ROOT_SHIFT;
        if (r >= root.length) {
            throw new IllegalArgumentException(
                    "gfn 0x%x is beyond the %d-bit physical space"
                            .formatted(gfn, memory.physicalAddressBits()));
        }
        @Nullable Chunk[] directory = (Chunk[]) ROOT.getVolatile(root, (int) r);
        if (directory == null) {
            long[] none = new long[(1 << DIRECTORY_BITS) / 64];
            long[] _ = (long[]) MADE.compareAndExchange(made, (int) r, (long[]) null, none);
            @Nullable Chunk[] fresh = new Chunk[1 << DIRECTORY_BITS];
            @Nullable Chunk[] other =
                    (Chunk[]) ROOT.compareAndExchange(root, (int) r, (Chunk[]) null, fresh);
            directory = other == null ? fresh : other;
        }
        int i = directoryIndex(gfn);
        Chunk c = (Chunk) DIRECTORY.getVolatile(directory, i);
        if (c == null) {
            long _ = (long) LONGS.getAndBitwiseOr(made[(int) r], i >>> 6, 1L << i);
            Chunk fresh = new Chunk();
            Chunk other = (Chunk) DIRECTORY.compareAndExchange(directory, i, (Chunk) null, fresh);
            c = other == null ? fresh : other;
        }
        return c;
    }
}
