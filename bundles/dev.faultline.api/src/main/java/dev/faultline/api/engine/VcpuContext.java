// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.engine;

import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Hva;
import dev.faultline.api.cpu.GuestBus;
import dev.faultline.api.cpu.GuestClock;
import dev.faultline.api.cpu.InterruptPort;
import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.fault.FaultSignal;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.mmu.Mmu;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A vCPU as its engine, the MMU and the machine see it: beside the architectural state its
 * translation cache, what other threads ask of it, and its wiring.
 *
 * <p>Touched by the vCPU's thread, or by others while it is quiesced; the exceptions are {@link
 * #request}, {@link #inGuest} and their methods.
 */
public final class VcpuContext extends VcpuState {
    /** Entries of the data and fetch translation caches (powers of two). */
    public static final int TLB_ENTRIES = 1024;

    public static final int FETCH_TLB_ENTRIES = 512;

    /** In {@link #tlbKey} no generation is this or more. */
    private static final int GENERATIONS = 0xFFC;

    /** Longs per data entry: read tag, write tag, addend (hva - lin), {@link #globalMark}. */
    public static final int TLB_STRIDE = 4;

    // Bits of #request.
    /** An interrupt may be deliverable. */
    public static final int REQ_INTERRUPT = 1;

    /** Leave {@link VcpuEngine#run()} at the next instruction boundary. */
    public static final int REQ_STOP = 2;

    /** Drop all cached translations before executing another instruction. */
    public static final int REQ_FLUSH = 4;

    /** Stand aside before another instruction: a vCPU wants the {@link BusLock}. */
    public static final int REQ_BUS = 8;

    // #inGuest
    /** Uses no cached translation. */
    static final int OUTSIDE = 0;

    /** May access memory through cached translations. */
    static final int INSIDE = 1;

    /** Inside an instruction, holding translations, but accesses nothing: waits for its turn. */
    static final int ASIDE = 2;

    private static final VarHandle REQUEST;
    private static final VarHandle IN_GUEST;
    private static final VarHandle FENCES_ASKED;
    private static final VarHandle NOTICE = java.lang.foreign.ValueLayout.JAVA_INT.varHandle();

    /** In {@link #scratch}, of {@link #noticeHva}. */
    private static final long NOTICE_OFFSET = 192;

    static {
        try {
            MethodHandles.Lookup l = MethodHandles.lookup();
            REQUEST = l.findVarHandle(VcpuContext.class, "request", int.class);
            IN_GUEST = l.findVarHandle(VcpuContext.class, "inGuest", int.class);
            FENCES_ASKED = l.findVarHandle(VcpuContext.class, "fencesAsked", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    // ---- translation cache

    /**
     * Data: {@link #TLB_STRIDE} longs an entry at ((lin &gt;&gt;&gt; 12) &amp; (TLB_ENTRIES-1)) *
     * TLB_STRIDE. A tag is the page's linear address or-ed with the {@link #tlbKey} it was filled
     * under, -1 = empty. An access of n bytes hits if tag == ((lin + n - 1 &amp; ~0xfff) | tlbKey),
     * which also refuses page crossings.
     */
    public final long[] tlb = new long[TLB_ENTRIES * TLB_STRIDE];

    /**
     * Fetch: linear page address or-ed with {@link #tlbKey}, -1 = empty; and the gfn and hva of the
     * page.
     */
    public final long[] fetchTag = new long[FETCH_TLB_ENTRIES];

    public final long[] fetchGfn = new long[FETCH_TLB_ENTRIES];
    public final long[] fetchHva = new long[FETCH_TLB_ENTRIES];

    /** For each fetch entry {@link #globalMark}. */
    public final long[] fetchGlobal = new long[FETCH_TLB_ENTRIES];

    /**
     * Bits 0-1: whose rights the entries have (0 user, 1 supervisor without access to user pages, 2
     * supervisor with it, 3 user under alignment checking, for which nothing is ever cached); bits
     * 2-11: generation. A flush just takes the next generation. The last one is left out: with it,
     * under alignment checking, what the last page of all is looked up by would be -1.
     */
    public long tlbKey;

    /**
     * Cached translations dropped as a whole since the start. Engines compare it to notice a flush.
     */
    public long tlbFlushes;

    /** Times that all cached translations but those of global pages were dropped. */
    public long tlbLocalFlushes;

    /**
     * Times that single translations were dropped since the start. For engines that keep copies of
     * them; with {@link #tlbFlushes}, {@link #tlbLocalFlushes} and {@link #tlbWriteDrops} it tells
     * all that went.
     */
    public long tlbDrops;

    /** Times that translations of one physical page lost the right to write, and nothing else. */
    public long tlbWriteDrops;

    // ---- the miss path's second result

    public @Gpa long missGpa;
    public @Hva long missHva;

    /** Of a read-modify-write: what translating it for reading gave. */
    public long missRead;

    /**
     * hva of 64 bytes each where reads and writes that have no single host address are staged (page
     * crossings, devices, code pages).
     */
    public final @Hva long scratchRead;

    public final @Hva long scratchWrite;
    private final java.lang.foreign.MemorySegment scratch;

    /**
     * hva of 4 bytes that are not 0 whenever {@link #request} may not be 0: for generated code,
     * which polls them at an instruction boundary at least once in every loop. See {@link #mayRun}.
     */
    public final @Hva long noticeHva;

    // Of the instruction semantics; null until they need it.
    /** Book-keeping of the staged access. */
    public @Nullable EngineScratch staged;

    /** Arithmetic context of the x87 FPU. */
    public @Nullable EngineScratch fpu;

    /** Buffers of system instructions and event delivery. */
    public @Nullable EngineScratch system;

    /** Hits of breakpoints. */
    public @Nullable EngineScratch debug;

    private int[] fenceNumbers = {};
    private boolean retries;
    private long retryRip;
    private long retryInstructions;
    private long retryCount;

    // ---- wiring, set by the machine while the vCPU is quiesced

    @SuppressWarnings("NullAway.Init") // wired before the first run
    public Mmu mmu;

    @SuppressWarnings("NullAway.Init") // wired before the first run
    public GuestBus bus;

    @SuppressWarnings("NullAway.Init") // wired before the first run
    public InterruptPort interrupts;

    @SuppressWarnings("NullAway.Init") // wired before the first run
    public GuestClock clock;

    @SuppressWarnings("NullAway.Init") // wired before the first run
    public FaultPropagation propagation;

    @SuppressWarnings("NullAway.Init") // wired before the first run
    public CpuidPolicy cpuid;

    public final PendingFault fault = new PendingFault();
    public final FaultSignal signal = new FaultSignal();

    /**
     * Stopped accesses of the instruction that is executed next which handlers let through,
     * answered or dropped.
     */
    public final Diversion diversion;

    /** A translation is cached that comes from a diverted access. */
    private boolean leavesTraces;

    /**
     * Vector of an exception that a fault handler raises at the instruction (or delivery) that was
     * stopped; -1: none.
     */
    public int injectedVector = -1;

    /** Its error code, or {@link PendingFault#NO_ERROR_CODE}. */
    public int injectedError;

    /**
     * Bit n: exception n (#DB, #BP) is not delivered to the guest. The engine leaves with {@link
     * PendingFault#INTERCEPTED} instead, at the instruction that raised it, or behind it for a
     * trap; INT3 counts as one, INT1 and INT n do not. Changed at instruction boundaries outside
     * the engine.
     */
    public int intercepts;

    /**
     * For engines: block base and index of the instruction being executed, so that a fault knows
     * its start.
     */
    public long engineBase;

    public int engineIndex;

    // ---- reached by other threads

    /** REQ bits. Read plainly or opaquely by engines at block boundaries. */
    public volatile int request;

    /** For accesses that must be atomic and that the host cannot make so. Of the machine. */
    public final BusLock busLock;

    /**
     * For the instruction semantics: the locked access that is being made goes straight to a page
     * that holds decoded code.
     */
    public boolean lockedCode;

    private volatile int inGuest;

    /** Number of the last fence that wants this vCPU's translations dropped. Wraps. */
    private volatile int fencesAsked;

    /** Of those, the last one whose wish was met; written by the vCPU's thread. */
    private volatile int fencesServed;

    private volatile @Nullable Thread thread;

    /** The only vCPU of its machine. */
    public VcpuContext(int index) {
        this(index, new BusLock());
    }

    /**
     * Of a machine that asks no fault handlers.
     *
     * @param busLock shared by all vCPUs of the machine
     */
    public VcpuContext(int index, BusLock busLock) {
        this(index, busLock, Diversion.NONE);
    }

    /**
     * @param busLock shared by all vCPUs of the machine
     * @param diversion this vCPU's own, of the machine
     */
    public VcpuContext(int index, BusLock busLock, Diversion diversion) {
        super(index);
        this.busLock = busLock;
        this.diversion = diversion;
        this.scratch = java.lang.foreign.Arena.ofAuto().allocate(256, 64);
        this.scratchRead = scratch.address();
        this.scratchWrite = scratch.address() + 128;
        this.noticeHva = scratch.address() + NOTICE_OFFSET;
        Arrays.fill(tlb, -1);
        Arrays.fill(fetchTag, -1);
        busLock.add(this);
    }

    /**
     * RESET: architectural state as {@link #resetState} says, no translations, nothing half done.
     * The wiring stays. vCPU thread or quiesced.
     *
     * @param answers what CPUID answers from now on
     */
    public void reset(CpuidPolicy answers) {
        int[] signature = new int[4];
        answers.query(this, 1, 0, signature);
        cpuid = answers;
        injectedVector = -1;
        forgetAccess();
        resetState(signature[0]);
        flushTranslations();
    }

    /**
     * The state was changed from outside: what a stopped instruction has read from devices is not
     * to be answered to another one. vCPU thread or quiesced.
     */
    public void forgetAccess() {
        EngineScratch s = staged;
        if (s != null) {
            s.forgetAccess();
        }
    }

    /** {@link #request} without ordering: for the check between blocks. */
    public int requestOpaque() {
        return (int) REQUEST.getOpaque(this);
    }

    /** Sets request bits and wakes the vCPU if it sleeps. Any thread. */
    public void post(int bits) {
        REQUEST.getAndBitwiseOr(this, bits);
        NOTICE.setOpaque(scratch, NOTICE_OFFSET, 1); // after it: see mayRun
        Thread t = thread;
        if (t != null) {
            java.util.concurrent.locks.LockSupport.unpark(t);
        }
    }

    /**
     * Whether nothing is asked; then {@link #noticeHva} reads 0 until something is. vCPU thread.
     */
    public boolean mayRun() {
        if ((int) NOTICE.getOpaque(scratch, NOTICE_OFFSET) != 0) {
            // Who posts sets the bits before the word: what this clears is seen in the bits.
            NOTICE.setVolatile(scratch, NOTICE_OFFSET, 0);
        }
        return (int) REQUEST.getVolatile(this) == 0;
    }

    /** Clears request bits; returns those of {@code bits} that were set. vCPU thread. */
    public int take(int bits) {
        return (int) REQUEST.getAndBitwiseAnd(this, ~bits) & bits;
    }

    /** The thread that runs this vCPU, set by the machine; null: none does. */
    public void bindThread(@Nullable Thread t) {
        thread = t;
    }

    public @Nullable Thread thread() {
        return thread;
    }

    /**
     * From here on the vCPU may use cached translations. Processes a pending flush first, and waits
     * while another vCPU has the bus lock. vCPU thread.
     */
    public void enterGuest() {
        inGuest(INSIDE);
        if (busLock.held()) {
            busLock.standAside(this);
        }
        serviceFlush();
    }

    /** The vCPU uses no cached translation until the next {@link #enterGuest}. */
    public void leaveGuest() {
        inGuest(OUTSIDE);
        if (busLock.held()) {
            busLock.left(this);
        }
    }

    public boolean isInGuest() {
        return inGuest != OUTSIDE;
    }

    int inGuest() {
        return inGuest;
    }

    /** Visible before anything that this thread looks at afterwards. */
    void inGuest(int state) {
        IN_GUEST.setVolatile(this, state);
    }

    /**
     * Does what other threads asked for that concerns memory: drops cached translations, stands
     * aside while another vCPU has the bus lock. vCPU thread, at an instruction boundary.
     */
    public void serviceFlush() {
        if ((request & (REQ_FLUSH | REQ_BUS)) == 0) {
            return;
        }
        if (take(REQ_BUS) != 0 && inGuest != OUTSIDE) {
            busLock.standAside(this);
        }
        if (take(REQ_FLUSH) != 0) {
            int asked = fencesAsked; // after the take: it counts every fence that was taken
            flushTranslations();
            fencesServed = asked;
        }
    }

    /**
     * Drops the cached translations of all vCPUs and returns once none can use an old one. A
     * running vCPU acknowledges at its next instruction boundary; the calling vCPU's own ({@code
     * self}, null on other threads) are dropped at once.
     *
     * <p>Why it ends, whoever fences whom at the same time: {@code self} counts as outside the
     * guest while it waits, so that no fence waits for one that waits; and what is waited for is
     * that each vCPU has served this call's own number, or is outside, once. Each fence costs each
     * vCPU at most one flush, and a vCPU executes at least one instruction between two that it
     * serves, so no number of fences of others keeps it from getting on.
     */
    public static void fence(VcpuContext[] all, @Nullable VcpuContext self) {
        boolean inside = self != null && self.isInGuest();
        if (self != null) {
            self.flushTranslations();
        }
        fenceOthers(all, self);
        if (self != null && inside) {
            // A device's doing: the rest of the block was fetched through what has gone.
            self.post(REQ_INTERRUPT);
        }
    }

    /**
     * As {@link #fence}, but the translations of {@code self} stay, unless others fence meanwhile:
     * then they are dropped too, which {@link #tlbFlushes} tells.
     */
    public static void fenceOthers(VcpuContext[] all, @Nullable VcpuContext self) {
        int[] numbers = self == null ? new int[all.length] : self.fenceNumbers(all.length);
        for (int i = 0; i < all.length; i++) {
            if (all[i] != self) {
                numbers[i] = (int) FENCES_ASKED.getAndAdd(all[i], 1) + 1;
                all[i].post(REQ_FLUSH);
            }
        }
        boolean was = self != null && self.isInGuest();
        if (self != null) {
            self.leaveGuest();
        }
        for (int i = 0; i < all.length; i++) {
            VcpuContext v = all[i];
            for (int n = 0;
                    v != self && v.inGuest != OUTSIDE && v.fencesServed - numbers[i] < 0;
                    n++) {
                backOff(n);
            }
        }
        if (self != null && was) {
            self.enterGuest();
        }
    }

    /** For one fence of this vCPU's thread at a time: a fault's handler allocates nothing. */
    private int[] fenceNumbers(int vcpus) {
        if (fenceNumbers.length < vcpus) {
            fenceNumbers = new int[vcpus];
        }
        return fenceNumbers;
    }

    /** A running vCPU answers within a microsecond; one that has lost its processor needs ours. */
    private static void backOff(int times) {
        if (times < 50) {
            Thread.onSpinWait();
        } else if (times < 1000) {
            Thread.yield();
        } else {
            java.util.concurrent.locks.LockSupport.parkNanos(50_000);
        }
    }

    /**
     * The instruction that was stopped is to be tried again before an event is delivered: what
     * happens meanwhile cannot make it look as if the guest had come on. vCPU thread.
     */
    public void retryFirst() {
        retries = true;
        retryRip = rip;
        retryInstructions = instructions;
        retryCount = gpr[1];
    }

    /**
     * Whether {@link #retryFirst} holds: the instruction has not been executed yet. vCPU thread.
     */
    public boolean retriesFirst() {
        retries =
                retries
                        && rip == retryRip
                        && instructions == retryInstructions
                        && gpr[1] == retryCount;
        return retries;
    }

    /**
     * A translation was cached that comes from a diverted access: it goes with the instruction, at
     * {@link #endDiversion}. vCPU thread.
     */
    public void leaveTraces() {
        leavesTraces = true;
    }

    /** The diverted instruction is over: rights hold again. vCPU thread or quiesced. */
    public void endDiversion() {
        if (diversion.active()) {
            if (leavesTraces) {
                leavesTraces = false;
                flushTranslations();
            }
            diversion.clear();
        }
    }

    /** Drops every cached translation of this vCPU. vCPU thread or quiesced. */
    public void flushTranslations() {
        tlbFlushes++;
        long next = (tlbKey & 0xFFC) + 4;
        if (next == GENERATIONS) {
            Arrays.fill(tlb, -1);
            Arrays.fill(fetchTag, -1);
            next = 0;
        }
        tlbKey = next | tlbKey & 3;
    }

    /**
     * What an entry of a global page is marked with now, filled or kept; every other entry has
     * another number. vCPU thread.
     */
    public long globalMark() {
        return tlbKey & 0xFFC | 1;
    }

    /**
     * Drops the cached translations of this vCPU but those of global pages (SDM 3A, "Global
     * Pages"). vCPU thread or quiesced.
     */
    public void flushLocalTranslations() {
        long mark = globalMark();
        long next = (tlbKey & 0xFFC) + 4;
        if (next == GENERATIONS) {
            flushTranslations();
            return;
        }
        tlbLocalFlushes++;
        for (int i = 0; i < tlb.length; i += TLB_STRIDE) {
            if (tlb[i + 3] == mark) {
                tlb[i] = kept(tlb[i], next);
                tlb[i + 1] = kept(tlb[i + 1], next);
                tlb[i + 3] = next | 1;
            }
        }
        for (int i = 0; i < fetchTag.length; i++) {
            if (fetchGlobal[i] == mark) {
                fetchTag[i] = kept(fetchTag[i], next);
                fetchGlobal[i] = next | 1;
            }
        }
        tlbKey = next | tlbKey & 3;
    }

    /** A tag of this generation, or -1, in the next one. */
    private static long kept(long tag, long next) {
        return tag == -1 ? -1 : tag & ~0xFFCL | next;
    }

    @Override
    protected void modeChanged() {
        updateTlbKey();
    }

    /**
     * Recomputes whose rights cached translations must have; after a change of CPL, EFLAGS.AC or
     * CR4.SMAP.
     */
    public void updateTlbKey() {
        int who;
        if (cpl == 3) {
            who = (eflags & AC) != 0 && (cr0 & CR0_AM) != 0 ? 3 : 0;
        } else {
            who = (cr4 & CR4_SMAP) != 0 && (eflags & AC) == 0 ? 1 : 2;
        }
        tlbKey = tlbKey & 0xFFC | who;
    }
}
