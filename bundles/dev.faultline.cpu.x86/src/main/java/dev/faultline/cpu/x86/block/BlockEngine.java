// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.block;

import dev.faultline.api.address.Gfn;
import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Hva;
import dev.faultline.api.address.Page;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.Raise;
import dev.faultline.cpu.x86.run.RunLoop;
import dev.faultline.cpu.x86.run.Stepping;
import dev.faultline.cpu.x86.state.Faults;
import dev.faultline.cpu.x86.state.Outcome;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Interprets: blocks of decoded {@link Op}s, driven by one small loop. Everything it keeps is
 * derived from guest memory and {@link VcpuContext}. An engine that has something faster for some
 * blocks extends it ({@link #run(Block)}).
 *
 * <p>On the vCPU's thread. {@code v.engineBase} is the rip of the current page's first byte and
 * {@code v.engineIndex} the running Op's index, so that a fault knows its instruction without a
 * store per instruction other than that index.
 */
public class BlockEngine implements VcpuEngine, VcpuLoop {
    private static final int FETCH_MASK = VcpuContext.FETCH_TLB_ENTRIES - 1;

    protected final VcpuContext v;
    private final CodeCache cache;
    private final Decoder decoder = new Decoder();
    private final byte[] bytes = new byte[Decoder.MAX_LENGTH];

    /** The block that a fault left, until {@link #unwound}; null: none. */
    private @Nullable Block running;

    private final Op[] decoded = new Op[Limits.LONGEST_BLOCK];
    private final char[] offsets = new char[Limits.LONGEST_BLOCK + 1];
    private final int longest;
    private boolean stepping;

    /** Of a vCPU that is fully wired; see {@link dev.faultline.api.engine.VcpuEngineFactory}. */
    public BlockEngine(VcpuContext v, Limits limits) {
        this.v = v;
        this.cache = new CodeCache(v, limits);
        this.longest = limits.blockLength();
        v.mmu.addCodeListener(cache);
    }

    @Override
    public final int run() {
        stepping = false;
        return RunLoop.run(this, v, false);
    }

    @Override
    public final int step() {
        stepping = true;
        try {
            return RunLoop.run(this, v, true);
        } finally {
            stepping = false;
        }
    }

    @Override
    public void close() {
        v.mmu.removeCodeListener(cache);
        cache.dropAll();
    }

    /** Pages of which other threads reported changes that have not been served. For tests. */
    public int changesToServe() {
        return cache.changesToServe();
    }

    @Override
    public final int loop(VcpuContext v) {
        running = null;
        if (cache.hasForeign()) {
            cache.drain();
        }
        return stepping || v.interruptShadow || Stepping.needed(v) ? one(true) : execute();
    }

    /** Puts the interrupted block's progress into the context. */
    @Override
    public final void unwound(VcpuContext v) {
        if (running != null) {
            Block b = running.current();
            running = null;
            int i = v.engineIndex;
            v.instructions += i;
            v.rip = v.engineBase + b.startOf(i) & v.ripMask;
        }
        v.engineIndex = 0;
    }

    // ---- the hot loop

    private int execute() {
        VcpuContext v = this.v;
        for (; ; ) {
            // A new page, or state that blocks depend on has changed.
            long lin = v.effBase[Segments.CS] + v.rip & v.ripMask;
            int f = (int) (lin >>> 12) & FETCH_MASK;
            if (v.fetchTag[f] != (lin & Page.MASK | v.tlbKey)) {
                running = null;
                if (fetch(lin, 0) < 0) {
                    return EXIT_FAULT;
                }
            }
            CodePage page = cache.page(lin);
            long base = (lin & Page.MASK) - v.effBase[Segments.CS];
            v.engineBase = base;
            int exit = inPage(page, base, (int) lin & 0xFFF);
            if (exit != 0) {
                return exit;
            }
            if (v.requestOpaque() != 0) {
                return EXIT_REQUEST;
            }
        }
    }

    /**
     * Runs blocks of one page until control leaves it. Returns 0 to look {@code v.rip} up afresh,
     * or an exit.
     */
    private int inPage(CodePage page, long base, int offset) {
        VcpuContext v = this.v;
        int at = offset;
        for (; ; ) {
            @Nullable Block[] blocks = page.blocks;
            Block b = blocks[at & blocks.length - 1];
            if (b == null || b.start != at) {
                long changes = cache.changes;
                b = decode(page, at);
                if (b == null || cache.changes != changes) {
                    return 0;
                }
            }
            running = b;
            int s = run(b);
            if (s == Outcome.JUMP) {
                v.instructions += v.engineIndex + 1;
            } else if (s < 0) {
                return EXIT_FAULT;
            } else {
                int last = v.engineIndex;
                v.instructions += last + 1;
                int r = ended(s, running.current(), last, v.engineBase);
                if (r == EXIT_REQUEST && v.interruptShadow && v.requestOpaque() == 0) {
                    r = one(false); // as the run loop would have it
                    r = r == EXIT_REQUEST ? boundary() : r;
                }
                if (r != 0) {
                    return r == CONTINUE ? 0 : r;
                }
            }
            if (v.requestOpaque() != 0) {
                return EXIT_REQUEST;
            }
            long d = v.rip - base;
            if (d < 0 || d >= CodePage.SIZE || v.engineBase != base) {
                return 0;
            }
            at = (int) d;
        }
    }

    /**
     * Runs a block that stands at {@code v.engineBase}, and perhaps others after it. What ran last
     * is {@link #running(Block)}, in the page at {@code v.engineBase}; {@code v.engineIndex} and
     * {@code v.instructions} are as {@link Block#run} leaves them.
     *
     * @return the last instruction's {@link Outcome}; with {@link Outcome#JUMP} {@code v.rip} is
     *     the next one, with others it need not be set
     */
    protected int run(Block b) {
        return b.run(v);
    }

    /** Before another block than that of {@link #run(Block)} is executed: a fault may leave it. */
    protected final void running(Block b) {
        running = b;
    }

    /**
     * Counts removals of decoded code: what was derived from a block holds as long as this is the
     * same.
     */
    protected final long changes() {
        return cache.changes;
    }

    /**
     * Blocks with {@link Block#compiled} that are gone since this was last called, each in one
     * page: what was made of them is not to be executed any more. Null: all are gone.
     */
    protected final @Nullable List<Block> takeDropped() {
        return cache.takeDropped();
    }

    /** hva of the page of code that is at {@code v.engineBase}. */
    protected final @Hva long codeHva() {
        long lin = v.engineBase + v.effBase[Segments.CS] & v.ripMask;
        return v.fetchHva[(int) (lin >>> 12) & FETCH_MASK];
    }

    /** Whether the page of code at {@code lin} is known to be a global one. */
    protected final boolean isGlobal(@Gva long lin) {
        int f = (int) (lin >>> 12) & FETCH_MASK;
        return v.fetchTag[f] == (lin | v.tlbKey) && v.fetchGlobal[f] == v.globalMark();
    }

    private static final int CONTINUE = 100;

    /**
     * After an Op that did not jump: sets rip. Returns 0: go on in the page; CONTINUE: look
     * everything up again; else an exit.
     */
    int ended(int s, Block b, int last, long base) {
        switch (s) {
            case Outcome.NEXT -> {
                v.rip = base + b.endOf(last) & v.ripMask;
                return 0;
            }
            case Outcome.END -> {
                v.rip = base + b.endOf(last) & v.ripMask;
                return boundary();
            }
            case Outcome.FAR -> {
                return boundary();
            }
            case Outcome.AGAIN, Outcome.WAIT -> {
                v.instructions--;
                v.rip = base + b.startOf(last) & v.ripMask;
                if (s == Outcome.AGAIN) {
                    Stepping.repeats(v);
                }
                return v.requestOpaque() != 0 ? EXIT_REQUEST : CONTINUE;
            }
            case Outcome.HALT -> {
                v.rip = base + b.endOf(last) & v.ripMask;
                return EXIT_HALT;
            }
            default -> throw new IllegalStateException("Op result " + s + " of " + b.op(last));
        }
    }

    /** State may have changed. */
    private int boundary() {
        return RunLoop.hasWork(v) ? EXIT_REQUEST : CONTINUE;
    }

    // ---- one instruction

    /**
     * Executes exactly one instruction: single-stepping, interrupt shadow, armed breakpoints.
     *
     * @param fresh it is decoded now; else it may be one that was decoded before
     */
    int one(boolean fresh) {
        running = null; // rip is right until the instruction begins
        if (Stepping.before(v) != 0) {
            return EXIT_FAULT;
        }
        int flags = v.eflags;
        long lin = v.effBase[Segments.CS] + v.rip & v.ripMask;
        int f = (int) (lin >>> 12) & FETCH_MASK;
        if (v.fetchTag[f] != (lin & Page.MASK | v.tlbKey) && fetch(lin, 0) < 0) {
            return EXIT_FAULT;
        }
        long base = (lin & Page.MASK) - v.effBase[Segments.CS];
        v.engineBase = base;
        Block b = fresh ? null : blockAt(lin);
        if (b == null) {
            Op op = decodeOne(lin, base);
            if (op == null) {
                return EXIT_FAULT;
            }
            b = alone(op, (int) lin & 0xFFF);
        }
        running = b;
        v.engineIndex = 0;
        int s = b.op(0).execute(v);
        if (s < 0) {
            return EXIT_FAULT;
        }
        running = null;
        v.instructions++;
        int r = s == Outcome.JUMP ? 0 : ended(s, b, 0, base);
        if (s == Outcome.WAIT) {
            Stepping.waits(v);
        } else if (Stepping.after(v, flags, s == Outcome.AGAIN) != 0) {
            return EXIT_FAULT;
        }
        return r == 0 || r == CONTINUE ? EXIT_REQUEST : r;
    }

    /**
     * See {@link BoundedRun#to}. Who calls it in {@link #run(Block)} says what is running again.
     */
    protected final int interpret(long end) {
        return new BoundedRun(this, v, cache).to(end);
    }

    /** A block that was decoded before, and is in one page, or its first part; null: none. */
    private @Nullable Block blockAt(long lin) {
        @Nullable Block[] blocks = cache.page(lin).blocks;
        int offset = (int) lin & 0xFFF;
        Block b = blocks[offset & blocks.length - 1];
        return b != null && b.start == offset && b.plain() ? b.part(0) : null;
    }

    private Block alone(Op op, int offset) {
        char[] offsets = {(char) offset, (char) (offset + decoder.lastLength())};
        return Block.of(new Op[] {op}, offsets, 1);
    }

    // ---- fetch and decode

    /**
     * Fills the fetch entry of {@code lin}. Returns 0, or -1 with the fault raised.
     *
     * @param before bytes of the instruction on the page before, which {@link #bytes} holds; 0: it
     *     starts at {@code lin}
     */
    private int fetch(long lin, int before) {
        if (v.codeBits == 64 && !VcpuContext.canonical(lin)) {
            return Faults.gp(v, 0);
        }
        long h = v.mmu.fill(v, lin, Mmu.FETCH, FaultOrigin.FETCH);
        if (h == Mmu.FAULTED) {
            tellInstruction(lin, before);
            return (int) v.propagation.raise(v);
        }
        if (h == Mmu.DEVICE) {
            // Code in device space: nothing executable is there.
            return Faults.raise(v, Faults.UD);
        }
        return 0;
    }

    /**
     * Protection stopped a fetch: tells which bytes of the page the instruction has, as far as they
     * can be known. What they are if they are still to be filled, nobody knows.
     */
    private void tellInstruction(long lin, int before) {
        PendingFault f = v.fault;
        if (f.kind != PendingFault.PROTECTED || f.origin != FaultOrigin.FETCH || f.hva < 0) {
            return;
        }
        int here = Math.min(Decoder.MAX_LENGTH - before, CodePage.SIZE - ((int) lin & 0xFFF));
        HostBytes.copyOut(f.hva, bytes, before, here);
        int length = decoder.length(bytes, before + here, v.codeBits);
        // One that goes on into the next page has at least one byte there.
        f.partOf(lin, lin - before & v.ripMask, length < 0 ? before + here + 1 : length);
    }

    /**
     * Decodes the block at {@code offset}. Null: the page's translation went away meanwhile; look
     * it up again.
     */
    private @Nullable Block decode(CodePage page, int offset) {
        long pageLin = v.engineBase + v.effBase[Segments.CS] & v.ripMask;
        int f = (int) (pageLin >>> 12) & FETCH_MASK;
        if (page.isEmpty() && !track(page, pageLin | offset)) {
            return null;
        }
        long hva = v.fetchHva[f];
        int count = 0;
        int at = offset;
        for (int i = 0; at < CodePage.SIZE && i < longest; i++) {
            int n = Math.min(Decoder.MAX_LENGTH, CodePage.SIZE - at);
            HostBytes.copyOut(hva + at, bytes, 0, n);
            Op op = limited(decoder.decode(bytes, n, page.codeBits, at), at);
            if (op == null) {
                break;
            }
            offsets[count] = (char) at;
            decoded[count++] = op;
            at += decoder.lastLength();
            offsets[count] = (char) at;
            if (op instanceof Raise || decoder.endsBlock()) {
                break;
            }
        }
        Block b = count == 0 ? new Crossing(offset) : Block.of(decoded, offsets, count);
        page.put(offset, b);
        cache.added();
        return b;
    }

    /**
     * Has writes to the page reported, before its bytes are read. Others' fences may have passed
     * meanwhile; then the page is translated again here, and not at the next boundary, so that each
     * time a page is tracked at least one block of it is executed.
     *
     * @return false if {@code lin} is no longer in this page, or cannot be fetched
     */
    private boolean track(CodePage page, long lin) {
        long flushes = v.tlbFlushes;
        v.mmu.trackCode(v, page.gfn);
        if (v.tlbFlushes == flushes) {
            return true;
        }
        boolean there = v.mmu.fill(v, lin, Mmu.FETCH, FaultOrigin.FETCH) >= 0;
        if (there && v.fetchGfn[(int) (lin >>> 12) & FETCH_MASK] == page.gfn) {
            return true;
        }
        cache.unused(page);
        return false;
    }

    /** Outside 64-bit mode an instruction beyond CS's limit is #GP(0). Null stays null. */
    private @Nullable Op limited(@Nullable Op op, int at) {
        if (op == null || v.codeBits == 64) {
            return op;
        }
        long last = (v.engineBase + at + decoder.lastLength() & v.ripMask) - 1;
        if (Long.compareUnsigned(last & 0xFFFF_FFFFL, v.segLimit[Segments.CS] & 0xFFFF_FFFFL)
                <= 0) {
            return op;
        }
        return new Raise(Faults.GP, 0);
    }

    /**
     * An instruction that reaches into the next page. What was decoded holds as long as that page
     * is the same one and no code was changed.
     */
    private final class Crossing extends Block {
        /** Null: its bytes in the next page could not be fetched yet. */
        private @Nullable Block whole;

        /** {@link CodeCache#changes} for which {@link #whole} holds; -1: it is for once only. */
        private long holds = -1;

        /** Page of its last bytes. */
        private @Gfn long gfn;

        Crossing(int offset) {
            super(new char[] {(char) offset, CodePage.SIZE});
            setPlain(false);
        }

        @Override
        public int run(VcpuContext v) {
            v.engineIndex = 0;
            Block b = whole();
            return b == null ? Outcome.FAULT : b.run(v);
        }

        /** The instruction as it is now. Null: the fault was raised. */
        @Nullable Block whole() {
            if (holds == cache.changes) {
                if (!fetchNext()) {
                    return null;
                }
                if (v.fetchGfn[nextEntry()] == gfn && holds == cache.changes) {
                    return whole;
                }
            }
            holds = -1;
            whole = null;
            long lin = v.engineBase + v.effBase[Segments.CS] + start & v.ripMask;
            Op op = decodeOne(lin, v.engineBase);
            if (op == null) {
                return null;
            }
            Block b = alone(op, start);
            b.setPlain(v.codeBits == 64 && !(op instanceof Raise) && keep(b.end));
            whole = b;
            return b;
        }

        private boolean fetchNext() {
            long next = v.engineBase + CodePage.SIZE;
            if (v.fetchTag[nextEntry()] == (next | v.tlbKey)) {
                return true;
            }
            int here = CodePage.SIZE - start;
            v.rip = v.engineBase + start;
            HostBytes.copyOut(codeHva() + start, bytes, 0, here);
            return fetch(next, here) >= 0;
        }

        /**
         * Has writes to its last bytes reported, which have just been decoded, in 64-bit mode.
         *
         * @param end page offset behind it
         * @return false: they may have been written, or the page may be another one
         */
        private boolean keep(int end) {
            if (end <= CodePage.SIZE) {
                return false; // written meanwhile
            }
            long changes = cache.changes;
            long flushes = v.tlbFlushes;
            CodePage next = cache.page(v.engineBase + CodePage.SIZE);
            boolean tracks = next.isEmpty();
            if (tracks) {
                v.mmu.trackCode(v, next.gfn);
            }
            boolean same =
                    v.tlbFlushes == flushes
                            && cache.changes == changes
                            && isInNextPage(CodePage.SIZE - start, end - start);
            if (same) {
                next.reach(end - CodePage.SIZE);
                gfn = next.gfn;
                holds = changes;
            } else if (tracks) {
                cache.unused(next);
            }
            return same;
        }

        @Override
        Block current() {
            return whole == null ? this : whole;
        }

        @Override
        public Op op(int i) {
            throw new IllegalStateException("what reaches into the next page is decoded apart");
        }
    }

    /** Whether the next page begins with these of {@link #bytes}. */
    private boolean isInNextPage(int from, int to) {
        long hva = v.fetchHva[nextEntry()];
        for (int i = from; i < to; i++) {
            if (HostBytes.get8(hva + i - from) != bytes[i]) {
                return false;
            }
        }
        return true;
    }

    /** Fetch entry of the page behind the one at {@code v.engineBase}. */
    private int nextEntry() {
        long lin = v.engineBase + v.effBase[Segments.CS] + CodePage.SIZE & v.ripMask;
        return (int) (lin >>> 12) & FETCH_MASK;
    }

    /**
     * What is executed for {@code b} now, which reaches into the next page ({@link Block#plain} of
     * it is false). If the result is plain, it holds for this place until code or translations
     * change. Null: the fault was raised.
     */
    protected final @Nullable Block whole(Block b) {
        return ((Crossing) b).whole();
    }

    /** Copies the bytes of {@code b}, which has just been decoded or found, to the beginning. */
    protected final void copyCode(Block b, byte[] to) {
        int here = Math.min(b.end, CodePage.SIZE) - b.start;
        HostBytes.copyOut(codeHva() + b.start, to, 0, here);
        if (b.end > CodePage.SIZE) {
            HostBytes.copyOut(v.fetchHva[nextEntry()], to, here, b.end - CodePage.SIZE);
        }
    }

    /**
     * Decodes the instruction at {@code lin}, reading the next page only if it needs it. Null: the
     * fault was raised.
     */
    private @Nullable Op decodeOne(long lin, long base) {
        int offset = (int) lin & 0xFFF;
        int f = (int) (lin >>> 12) & FETCH_MASK;
        int n = Math.min(Decoder.MAX_LENGTH, CodePage.SIZE - offset);
        v.rip = base + offset & v.ripMask;
        HostBytes.copyOut(v.fetchHva[f] + offset, bytes, 0, n);
        Op op = decoder.decode(bytes, n, v.codeBits, offset);
        if (op == null) {
            long next = (lin & Page.MASK) + CodePage.SIZE & v.ripMask;
            int g = (int) (next >>> 12) & FETCH_MASK;
            if (v.fetchTag[g] != (next | v.tlbKey) && fetch(next, n) < 0) {
                return null;
            }
            HostBytes.copyOut(v.fetchHva[g], bytes, n, Decoder.MAX_LENGTH - n);
            op = decoder.decode(bytes, Decoder.MAX_LENGTH, v.codeBits, offset);
        }
        return limited(op, offset);
    }
}
