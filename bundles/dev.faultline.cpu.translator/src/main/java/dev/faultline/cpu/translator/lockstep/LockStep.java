// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.lockstep;

import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Page;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.FaultSignal;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.disassembly.GuestCode;
import dev.faultline.cpu.x86.disassembly.Instruction;
import dev.faultline.cpu.x86.run.UndefinedFlags;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HexFormat;
import java.util.function.LongToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Undoes what generated code has executed, has the interpreter execute as many instructions from
 * the same state, and compares registers, flags, rip and memory. The guest goes on with what the
 * interpreter made. On the vCPU's thread; of a machine with one vCPU, whose devices do not write
 * memory while it runs.
 *
 * <p>Generated code may write a few pages at a time, which are saved before it runs: it is given no
 * other translation for writing, so its own probes hold it to them.
 */
public final class LockStep {
    /** Translations that are handed over for one instruction before the interpreter executes it. */
    private static final int ATTEMPTS = 8;

    /** Instructions that are shown of a run in which there is a difference: the last ones. */
    private static final int SHOWN = 64;

    /** Instructions among which most flags that differ have become undefined. */
    private static final int LAST = 24;

    /**
     * Of so many runs, the interpreter decodes the instructions of one anew: what it decoded before
     * is dropped by the same reports that translations are dropped by, and may be as old as they.
     */
    private static final int FRESH = 64;

    private static final System.Logger LOG = System.getLogger(LockStep.class.getName());

    /** The translations of data that generated code has, by whose rights they are for. */
    public interface Translations {
        /** Whether there is one for reading, or for writing, the page at {@code lin}. */
        boolean has(int rightsClass, @Gva long lin, boolean toWrite);

        /**
         * Takes over what the context has for the page at {@code lin}, under the key that it has
         * now.
         *
         * @param writable the right to write, too
         */
        void fill(VcpuContext v, @Gva long lin, boolean writable);

        /** The page at {@code lin} is written by generated code no more. */
        void refuseWrites(int rightsClass, @Gva long lin);
    }

    private final VcpuContext v;
    private final Translations translations;
    private final LongToIntFunction interpreter;
    private final UndefinedFlags flags;
    private final Registers before = new Registers();
    private final Registers translated = new Registers();
    private final SavedPages pages = new SavedPages();
    private final FetchEntry fetched = new FetchEntry();
    private final long[] tlb;
    private final byte[] code = new byte[Decoder.MAX_LENGTH];
    private final Deque<String> shown = new ArrayDeque<>();
    private @Nullable WatchedMmu watched;
    private long dropped = -1;
    private int attempts;
    private long runs;
    private long instructions;
    private long undefinedOnly;
    private long used;

    /**
     * @param interpreter interprets until so many instructions were executed in all, and gives an
     *     exit of {@link VcpuLoop}, {@link VcpuLoop#EXIT_REQUEST} if they were
     */
    public LockStep(VcpuContext v, Translations translations, LongToIntFunction interpreter) {
        this.v = v;
        this.translations = translations;
        this.interpreter = interpreter;
        flags = new UndefinedFlags(v, this::codeByte);
        tlb = new long[v.tlb.length];
    }

    /** Says what was compared. */
    public void close() {
        LOG.log(
                System.Logger.Level.INFO,
                "lock-step: {0} runs of generated code with {1} instructions are as interpreted;"
                        + " {2} but for undefined flags, {3} but for images of undefined flags",
                Long.toString(runs),
                Long.toString(instructions),
                Long.toString(undefinedOnly),
                Long.toString(used));
    }

    // ---- what generated code may write

    /**
     * Generated code lacked a translation for {@code lin}, which lies in what it wants to access.
     *
     * @return true: it has one more, and is to try again; false: the interpreter executes the
     *     instruction
     */
    public boolean admits(@Gva long lin) {
        int k = (int) v.tlbKey & 3;
        int i = ((int) (lin >>> 12) & VcpuContext.TLB_ENTRIES - 1) * VcpuContext.TLB_STRIDE;
        long tag = lin & Page.MASK | v.tlbKey;
        if (attempts++ == ATTEMPTS) {
            return false;
        }
        if (v.tlb[i] == tag && !translations.has(k, lin, false)) {
            translations.fill(v, lin, false);
            return translations.has(k, lin, false);
        }
        if (v.tlb[i + 1] == tag && !translations.has(k, lin, true)) {
            int oldest = pages.oldest();
            if (oldest >= 0) {
                translations.refuseWrites(pages.rights(oldest), pages.lin(oldest));
            }
            pages.add(k, lin, SavedPages.mapped(v, i, lin));
            translations.fill(v, lin, true);
            return translations.has(k, lin, true);
        }
        return false;
    }

    private long dropped() {
        return v.tlbFlushes + v.tlbDrops + v.tlbLocalFlushes + v.tlbWriteDrops;
    }

    // ---- around a run of generated code

    /** Generated code is about to run from {@code rip}, with the vCPU's registers. */
    public void begin(@Gva long rip) {
        if (dropped() != dropped) {
            dropped = dropped();
            for (int i = 0; i < pages.count(); i++) {
                translations.refuseWrites(pages.rights(i), pages.lin(i));
            }
            pages.clear();
        }
        before.take(v, rip);
        pages.save();
    }

    /**
     * Generated code has left; the vCPU has its registers, and gets those that the interpreter
     * computes. rip, count and what belongs to the engine stay as they are.
     *
     * @param page linear address of the page whose blocks the engine runs: it reads code there
     *     without looking it up again
     * @param rip where it would go on
     * @param executed instructions since {@link #begin}
     * @throws IllegalStateException if something differs
     */
    public void check(@Gva long page, @Gva long rip, long executed) {
        if (executed == 0) {
            return;
        }
        attempts = 0;
        runs++;
        instructions += executed;
        long ownRip = v.rip;
        long base = v.engineBase;
        long count = v.instructions;
        translated.take(v, rip);
        pages.undo();
        fetched.take(v, page);
        long was = dropped();
        String stopped = replay(executed, Look.NOT);
        boolean same = stopped.isEmpty() && translated.areOf(v) && pages.same();
        if (!same) {
            explain(executed, count);
        }
        if (dropped() == was) {
            fetched.put(v);
        }
        v.rip = ownRip;
        v.engineBase = base;
        v.engineIndex = 0;
        v.instructions = count;
    }

    /** How closely the interpreter is looked at. */
    private enum Look {
        NOT,
        /** After each of the last instructions it is known which flags have become undefined. */
        AT_LAST_FLAGS,
        /** The same from the beginning. */
        AT_FLAGS,
        /** The same, and each instruction is kept as text. */
        AT_TEXT
    }

    /**
     * Has the interpreter execute {@code executed} instructions from the state before.
     *
     * @return what it did that generated code cannot have done; empty: nothing
     */
    private String replay(long executed, Look look) {
        WatchedMmu mmu = watch();
        long was = dropped();
        hideWrites();
        long end = v.instructions + executed;
        before.put(v);
        v.mmu = mmu;
        String stopped = "";
        try {
            boolean blocks = look == Look.NOT && runs % FRESH != 0;
            int exit = blocks ? interpreter.applyAsInt(end) : slowly(end, look);
            if (exit != VcpuLoop.EXIT_REQUEST) {
                stopped = "interpreted, exit %d (%s); ".formatted(exit, fault());
            }
        } catch (FaultSignal s) {
            stopped = "interpreted, a fault (%s); ".formatted(fault());
        } finally {
            v.mmu = mmu.real();
        }
        Registers.keepResumeFlag(v, before);
        if (dropped() == was) {
            System.arraycopy(tlb, 0, v.tlb, 0, tlb.length);
        }
        return mmu.hasNotes() ? stopped + mmu.notes() : stopped;
    }

    /** One instruction at a time, each decoded anew. */
    private int slowly(long end, Look look) {
        long first = look == Look.AT_LAST_FLAGS ? end - LAST : 0;
        int exit = first > v.instructions ? interpreter.applyAsInt(first) : VcpuLoop.EXIT_REQUEST;
        flags.clear();
        shown.clear();
        while (v.instructions != end && exit == VcpuLoop.EXIT_REQUEST) {
            if (look != Look.NOT) {
                flags.before();
            }
            if (look == Look.AT_TEXT) {
                show();
            }
            exit = interpreter.applyAsInt(v.instructions + 1);
            if (look != Look.NOT) {
                flags.after(exit);
            }
        }
        return exit;
    }

    private WatchedMmu watch() {
        WatchedMmu w = watched;
        if (w == null || w.real() != v.mmu) {
            w = new WatchedMmu(v.mmu, pages);
            watched = w;
        }
        return w;
    }

    /** The context keeps translations for writing of the saved pages only. */
    private void hideWrites() {
        System.arraycopy(v.tlb, 0, tlb, 0, tlb.length);
        for (int i = 1; i < tlb.length; i += VcpuContext.TLB_STRIDE) {
            v.tlb[i] = -1;
        }
        for (int i = 0; i < pages.count(); i++) {
            long lin = pages.lin(i);
            int at = ((int) (lin >>> 12) & VcpuContext.TLB_ENTRIES - 1) * VcpuContext.TLB_STRIDE;
            if (tlb[at + 1] == (lin | v.tlbKey)) {
                v.tlb[at + 1] = tlb[at + 1];
            }
        }
    }

    private String fault() {
        return "kind %d vector %d gva %x".formatted(v.fault.kind, v.fault.vector, v.fault.gva);
    }

    // ---- a difference

    /**
     * Does it once more and looks closely: undefined flags may differ, and what was made of them.
     */
    private void explain(long executed, long count) {
        String d = again(executed, count, Look.AT_LAST_FLAGS);
        if (!d.isEmpty() || flags.used()) {
            d = again(executed, count, Look.AT_FLAGS);
        }
        if (d.isEmpty()) {
            if (flags.used()) {
                used++;
            } else {
                undefinedOnly++;
            }
            return;
        }
        d = again(executed, count, Look.AT_TEXT);
        Registers interpreted = new Registers();
        interpreted.take(v, v.rip);
        throw new IllegalStateException(
                ("lock-step: generated code differs from the interpreter after %d instructions: %s%n"
                                + "before      %s%ntranslated  %s%ninterpreted %s%n%s")
                        .formatted(
                                executed,
                                d,
                                before,
                                translated,
                                interpreted,
                                String.join(System.lineSeparator(), shown)));
    }

    private String again(long executed, long count, Look look) {
        pages.restore();
        v.instructions = count;
        String d = replay(executed, look);
        if (flags.image() == UndefinedFlags.ALL) {
            return d;
        }
        // PUSHF is how software uses them.
        return d
                + translated.difference(v, flags.now() | flags.image(), flags.image())
                + pages.difference(flags.image());
    }

    private void show() {
        @Gva long gva = GuestCode.next(v);
        Instruction i = GuestCode.at(v, gva, this::codeByte, code);
        String text = i == null ? GuestCode.UNREADABLE : i.text();
        int length = i == null ? 0 : i.length();
        if (shown.size() == SHOWN) {
            shown.removeFirst();
        }
        shown.addLast(
                "%x: %-30s %s".formatted(gva, HexFormat.of().formatHex(code, 0, length), text));
    }

    private int codeByte(@Gva long gva) {
        int f = (int) (gva >>> 12) & VcpuContext.FETCH_TLB_ENTRIES - 1;
        if (v.fetchTag[f] == (gva & Page.MASK | v.tlbKey)) {
            int offset = (int) gva & Page.OFFSET_MASK;
            return HostBytes.get8(v.fetchHva[f] + offset) & 0xFF;
        }
        long gpa = v.mmu.query(v, gva);
        long hva = gpa < 0 ? -1 : v.mmu.physical(v, gpa, Mmu.FETCH, FaultOrigin.FETCH);
        return hva < 0 ? -1 : HostBytes.get8(hva) & 0xFF;
    }
}
