// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.cpu;

import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Hva;
import dev.faultline.api.fault.Diversion;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.fault.FaultSignal;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.mmu.Mmu;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * The state of one vCPU: architectural registers, its translation cache, its wiring. Engines, MMU
 * and snapshot code only.
 *
 * <p>Touched by the vCPU's thread, or by others while it is quiesced; the exceptions are {@link
 * #request}, {@link #inGuest} and their methods. Register names are the SDM's.
 */
public final class VcpuContext {
    /** Index in {@link #gpr} that always reads 0: an absent base or index register. */
    public static final int ZERO = 16;

    // EFLAGS bits.
    public static final int CF = 1;
    public static final int PF = 4;
    public static final int AF = 0x10;
    public static final int ZF = 0x40;
    public static final int SF = 0x80;
    public static final int TF = 0x100;
    public static final int IF = 0x200;
    public static final int DF = 0x400;
    public static final int OF = 0x800;
    public static final int IOPL = 0x3000;
    public static final int NT = 0x4000;
    public static final int RF = 0x1_0000;
    public static final int VM = 0x2_0000;
    public static final int AC = 0x4_0000;
    public static final int VIF = 0x8_0000;
    public static final int VIP = 0x10_0000;
    public static final int ID = 0x20_0000;

    /** The six flags kept lazily in {@link #flagRes} and {@link #flagAux}. */
    public static final int STATUS_FLAGS = CF | PF | AF | ZF | SF | OF;

    // CR0, CR4 and EFER bits.
    public static final int CR0_PE = 1;
    public static final int CR0_MP = 2;
    public static final int CR0_EM = 4;
    public static final int CR0_TS = 8;
    public static final int CR0_ET = 0x10;
    public static final int CR0_NE = 0x20;
    public static final int CR0_WP = 0x1_0000;
    public static final int CR0_AM = 0x4_0000;
    public static final int CR0_NW = 0x2000_0000;
    public static final int CR0_CD = 0x4000_0000;
    public static final int CR0_PG = 0x8000_0000;
    public static final int CR4_VME = 1;
    public static final int CR4_PVI = 2;
    public static final int CR4_TSD = 4;
    public static final int CR4_DE = 8;
    public static final int CR4_PSE = 0x10;
    public static final int CR4_PAE = 0x20;
    public static final int CR4_MCE = 0x40;
    public static final int CR4_PGE = 0x80;
    public static final int CR4_PCE = 0x100;
    public static final int CR4_OSFXSR = 0x200;
    public static final int CR4_OSXMMEXCPT = 0x400;
    public static final int CR4_UMIP = 0x800;
    public static final int CR4_FSGSBASE = 0x1_0000;
    public static final int CR4_PCIDE = 0x2_0000;
    public static final int CR4_OSXSAVE = 0x4_0000;
    public static final int CR4_SMEP = 0x10_0000;
    public static final int CR4_SMAP = 0x20_0000;
    public static final int EFER_SCE = 1;
    public static final int EFER_LME = 0x100;
    public static final int EFER_LMA = 0x400;
    public static final int EFER_NXE = 0x800;

    /** Entries of the data and fetch translation caches (powers of two). */
    public static final int TLB_ENTRIES = 1024;

    public static final int FETCH_TLB_ENTRIES = 512;

    /** Longs per data entry: read tag, write tag, addend (hva - lin), unused. */
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

    /** Index of this vCPU in its machine, from 0; also its APIC id. */
    public final int index;

    // ---- general state

    /**
     * RAX RCX RDX RBX RSP RBP RSI RDI R8..R15, then {@link #ZERO}. Upper halves stay as 64-bit mode
     * left them.
     */
    public final long[] gpr = new long[17];

    /** Offset in CS of the next instruction (inside a block of an engine: of the block's start). */
    public long rip;

    /**
     * Lazy status flags, two words, no operation kind needed. ZF: flagRes == 0. SF: sign of
     * flagRes, inverted if bit 0 of flagAux. PF: even parity of (flagRes ^ flagAux &gt;&gt;&gt; 8)
     * &amp; 0xff. CF: bit 63 of flagAux. OF: bit 63 ^ bit 62. AF: bit 3. Results narrower than 64
     * bits are kept sign-extended.
     */
    public long flagRes;

    public long flagAux;

    /** EFLAGS without {@link #STATUS_FLAGS}; bit 1 always set. */
    public int eflags = 2;

    // ---- segmentation

    public final int[] segSel = new int[Segments.COUNT];
    public final long[] segBase = new long[Segments.COUNT];

    /** Scaled to bytes: last valid offset, unsigned 32 bits. */
    public final int[] segLimit = new int[Segments.COUNT];

    public final int[] segAttr = new int[Segments.COUNT];
    public @Gva long gdtBase;
    public int gdtLimit;
    public @Gva long idtBase;
    public int idtLimit;

    // ---- control

    public long cr0;
    public @Gva long cr2;
    public long cr3;
    public long cr4;
    public long efer;
    public long xcr0 = 1;

    /** PAE paging: the four PDPTE registers. */
    public final long[] pdpte = new long[4];

    /** DR0-DR3, unused, unused, DR6, DR7: the breakpoints that are armed. */
    public final long[] dr = new long[8];

    /**
     * What the guest reads and writes as its debug registers while a debugger outside it has its
     * own in {@link #dr}, ordered like it; null: there is none, and {@link #dr} is the guest's.
     */
    public long[] guestDr;

    // ---- model-specific registers

    public long star;
    public long lstar;
    public long cstar;
    public long fmask;
    public long kernelGsBase;
    public long sysenterCs;
    public long sysenterEsp;
    public long sysenterEip;
    public long pat;
    public long tscAux;

    /** Added to the machine's counter: RDTSC reads clock.tsc() + tscOffset. */
    public long tscOffset;

    public long miscEnable;
    public long mtrrDefType;
    public final long[] mtrrFixed = new long[11];

    /** Base and mask pairs. */
    public final long[] mtrrVariable = new long[16];

    public long specCtrl;

    // ---- x87, MMX, SSE

    /**
     * Physical registers R0-R7: significand, which MMX registers alias; and sign (bit 15) with
     * exponent. ST(i) is R[(TOP+i)&amp;7].
     */
    public final long[] fpSig = new long[8];

    public final int[] fpExp = new int[8];

    /** Bit i: physical register Ri is not empty (FXSAVE's abridged tag). */
    public int fpTag;

    public int fcw = 0x37F;

    /** Status word, TOP in bits 11-13. */
    public int fsw;

    public int fop;
    public long fip;
    public long fdp;
    public int fcs;
    public int fds;

    /** XMM0-XMM15: low, high. */
    public final long[] xmm = new long[32];

    public int mxcsr = 0x1F80;

    // ---- event state

    /** {@link #activity}: executing. */
    public static final int RUNNING = 0;

    /** HLT: waits for an interrupt. */
    public static final int HALTED = 1;

    /** Triple fault: only RESET helps. */
    public static final int SHUTDOWN = 2;

    public int activity;

    /** Interrupts are held off for one instruction (STI, MOV SS, POP SS). */
    public boolean interruptShadow;

    /**
     * Debug exceptions too are held off for one instruction (MOV SS, POP SS): single-step traps and
     * breakpoints. Only together with {@link #interruptShadow}.
     */
    public boolean debugShadow;

    /** NMIs are blocked until IRET. */
    public boolean nmiBlocked;

    /**
     * Vector of an event whose delivery was stopped by RAM protection and must be delivered again
     * before anything else; -1: none.
     */
    public int pendingVector = -1;

    /** Its error code, or {@link PendingFault#NO_ERROR_CODE}. */
    public int pendingError;

    /**
     * Its kind: 0 external, 1 exception, 2 software (INT n), 3 NMI; and its length in bytes for
     * software.
     */
    public int pendingKind;

    public int pendingLength;

    /**
     * Debug conditions (DR6 bits 0-3 and BS) that are due: under {@link #debugShadow} they become
     * #DB after the next instruction, else before it.
     */
    public int pendingDebug;

    /** Why a triple fault happened, for people. */
    public String shutdownReason;

    /** Instructions retired since reset; exact at instruction boundaries outside the engine. */
    public long instructions;

    // ---- derived; see #recompute

    /** 16, 32 or 64: default code size. */
    public int codeBits = 16;

    /** 0..3. In V86 mode 3. */
    public int cpl;

    /** Mask of the stack pointer: 0xffff, 0xffffffff or -1. */
    public long stackMask = 0xFFFF;

    /**
     * Mask of instruction pointers: 0xffff.., by {@link #codeBits}; 16-bit code keeps 32-bit EIP
     * range for limit checks.
     */
    public long ripMask = 0xFFFF_FFFFL;

    /** Base that address formation adds: 0 for ES CS SS DS in 64-bit mode. */
    public final long[] effBase = new long[8];

    /**
     * Per segment, access bits that need no limit check: 1 read, 2 write, for segments that are
     * present, of the right type, and cover all 4 GiB (always both in 64-bit mode).
     */
    public final int[] segFast = new int[8];

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

    /**
     * Bits 0-1: whose rights the entries have (0 user, 1 supervisor without access to user pages, 2
     * supervisor with it, 3 user under alignment checking, for which nothing is ever cached); bits
     * 2-11: generation. A flush just takes the next generation.
     */
    public long tlbKey;

    /**
     * Cached translations dropped as a whole since the start. Engines compare it to notice a flush.
     */
    public long tlbFlushes;

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

    /** For the instruction semantics: bookkeeping of the staged access. */
    public Object staged;

    /**
     * For the instruction semantics: arithmetic context of the x87 FPU. Scratch, not architectural
     * state.
     */
    public Object fpu;

    /**
     * For the instruction semantics: buffers of event delivery, hits of breakpoints. Scratch, not
     * architectural state.
     */
    public Object system;

    private int[] fenceNumbers = {};
    private boolean retries;
    private long retryRip;
    private long retryInstructions;
    private long retryCount;

    // ---- wiring, set by the machine while the vCPU is quiesced

    public Mmu mmu;
    public GuestBus bus;
    public InterruptPort interrupts;
    public GuestClock clock;
    public FaultPropagation propagation;
    public CpuidPolicy cpuid;
    public final PendingFault fault = new PendingFault();
    public final FaultSignal signal = new FaultSignal();

    /**
     * Stopped accesses of the instruction that is executed next which handlers let through,
     * answered or dropped.
     */
    public final Diversion diversion = new Diversion();

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

    private volatile Thread thread;

    /** The only vCPU of its machine. */
    public VcpuContext(int index) {
        this(index, new BusLock());
    }

    /**
     * @param busLock shared by all vCPUs of the machine
     */
    public VcpuContext(int index, BusLock busLock) {
        this.index = index;
        this.busLock = busLock;
        this.scratch = java.lang.foreign.Arena.ofAuto().allocate(256, 64);
        this.scratchRead = scratch.address();
        this.scratchWrite = scratch.address() + 128;
        Arrays.fill(tlb, -1);
        Arrays.fill(fetchTag, -1);
        busLock.add(this);
    }

    /** {@link #request} without ordering: for the check between blocks. */
    public int requestOpaque() {
        return (int) REQUEST.getOpaque(this);
    }

    /** Sets request bits and wakes the vCPU if it sleeps. Any thread. */
    public void post(int bits) {
        REQUEST.getAndBitwiseOr(this, bits);
        Thread t = thread;
        if (t != null) {
            java.util.concurrent.locks.LockSupport.unpark(t);
        }
    }

    /** Clears request bits; returns those of {@code bits} that were set. vCPU thread. */
    public int take(int bits) {
        return (int) REQUEST.getAndBitwiseAnd(this, ~bits) & bits;
    }

    /** The thread that runs this vCPU; set by the machine. */
    public void bindThread(Thread t) {
        thread = t;
    }

    public Thread thread() {
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
    public static void fence(VcpuContext[] all, VcpuContext self) {
        boolean inside = self != null && self.isInGuest();
        if (self != null) {
            self.flushTranslations();
        }
        fenceOthers(all, self);
        if (inside) {
            // A device's doing: the rest of the block was fetched through what has gone.
            self.post(REQ_INTERRUPT);
        }
    }

    /**
     * As {@link #fence}, but the translations of {@code self} stay, unless others fence meanwhile:
     * then they are dropped too, which {@link #tlbFlushes} tells.
     */
    public static void fenceOthers(VcpuContext[] all, VcpuContext self) {
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
        if (was) {
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

    /** The diverted instruction is over: rights hold again. vCPU thread or quiesced. */
    public void endDiversion() {
        if (diversion.active()) {
            if (diversion.leavesTraces()) {
                flushTranslations();
            }
            diversion.clear();
        }
    }

    /** Drops every cached translation of this vCPU. vCPU thread or quiesced. */
    public void flushTranslations() {
        tlbFlushes++;
        long next = (tlbKey & 0xFFC) + 4;
        if (next == 0x1000) {
            Arrays.fill(tlb, -1);
            Arrays.fill(fetchTag, -1);
            next = 0;
        }
        tlbKey = next | tlbKey & 3;
    }

    // ---- flags

    /** EFLAGS with the status flags materialised. */
    public int getFlags() {
        int f = eflags;
        long aux = flagAux;
        if (aux < 0) {
            f |= CF;
        }
        if ((Long.bitCount((flagRes ^ aux >>> 8) & 0xFF) & 1) == 0) {
            f |= PF;
        }
        if ((aux & 8) != 0) {
            f |= AF;
        }
        if (flagRes == 0) {
            f |= ZF;
        }
        if ((flagRes < 0) != ((aux & 1) != 0)) {
            f |= SF;
        }
        if ((aux ^ aux << 1) < 0) {
            f |= OF;
        }
        return f;
    }

    /** Sets the six status flags from {@code f}; other bits of {@code f} are ignored. */
    public void setStatusFlags(int f) {
        boolean zf = (f & ZF) != 0;
        long res = zf ? 0 : 1;
        long aux = 0;
        if ((f & SF) != 0) {
            aux |= 1;
        }
        boolean evenNow = zf; // parity of res's low byte: 0 is even, 1 is odd
        if (((f & PF) != 0) != evenNow) {
            aux |= 0x100;
        }
        if ((f & AF) != 0) {
            aux |= 8;
        }
        boolean cf = (f & CF) != 0;
        if (cf) {
            aux |= 1L << 63;
        }
        if (cf != ((f & OF) != 0)) {
            aux |= 1L << 62;
        }
        flagRes = res;
        flagAux = aux;
    }

    /**
     * Sets all of EFLAGS (unchecked); follow with {@link #recompute} if VM or AC may have changed.
     */
    public void setFlags(int f) {
        setStatusFlags(f);
        eflags = f & ~STATUS_FLAGS & 0x3F_7FFF | 2;
    }

    // ---- modes

    public boolean longMode() {
        return (efer & EFER_LMA) != 0;
    }

    public boolean protectedMode() {
        return (cr0 & CR0_PE) != 0;
    }

    public boolean v86() {
        return (eflags & VM) != 0;
    }

    /** The guest's own debug registers, whoever uses {@link #dr}. */
    public long[] guestDebugRegisters() {
        return guestDr == null ? dr : guestDr;
    }

    /** True if {@code lin} is canonical for 4-level paging. */
    public static boolean canonical(@Gva long lin) {
        return lin << 16 >> 16 == lin;
    }

    /**
     * Recomputes everything derived from segments, control registers and EFLAGS. Call after any
     * change of them (RPL of CS is the CPL in protected mode, but for the data-like CS of real
     * mode, which stays until the first far transfer: there the CPL is 0).
     */
    public void recompute() {
        boolean pe = protectedMode();
        boolean vm = v86();
        int cs = segAttr[Segments.CS];
        cpl = !pe ? 0 : vm ? 3 : segSel[Segments.SS] & 3;
        if (pe && !vm && (cs & Segments.UNUSABLE) == 0) {
            cpl = (cs & Segments.TYPE_CODE) != 0 ? segSel[Segments.CS] & 3 : 0;
        }
        boolean m64 = longMode() && (cs & Segments.L) != 0;
        codeBits = m64 ? 64 : (cs & Segments.DB) != 0 ? 32 : 16;
        ripMask = m64 ? -1L : 0xFFFF_FFFFL;
        stackMask = m64 ? -1L : (segAttr[Segments.SS] & Segments.DB) != 0 ? 0xFFFF_FFFFL : 0xFFFFL;
        for (int i = 0; i < 6; i++) {
            effBase[i] = m64 && i < Segments.FS ? 0 : segBase[i];
            segFast[i] = m64 ? 3 : fastBits(i);
        }
        updateTlbKey();
    }

    private int fastBits(int i) {
        int a = segAttr[i];
        if ((a & Segments.UNUSABLE) != 0 || (a & Segments.P) == 0 || segLimit[i] != -1) {
            return 0;
        }
        if ((a & Segments.TYPE_CODE) != 0) {
            return (a & Segments.TYPE_RW) != 0 ? 1 : 0;
        }
        if ((a & Segments.TYPE_DC) != 0) {
            return 0;
        }
        return (a & Segments.TYPE_RW) != 0 ? 3 : 1;
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
