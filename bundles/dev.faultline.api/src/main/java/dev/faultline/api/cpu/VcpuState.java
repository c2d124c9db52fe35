// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.cpu;

import dev.faultline.api.address.Gva;
import dev.faultline.api.fault.PendingFault;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The architectural state of one vCPU: what a snapshot saves, a debugger shows and an extension may
 * look at. Register names are the SDM's. It belongs to the machine and survives a swap of the
 * engine.
 *
 * <p>Touched by the vCPU's thread, or by others while the machine is paused or the vCPU otherwise
 * quiesced. After a change of segments, control registers or EFLAGS call {@link #recompute}.
 */
public abstract class VcpuState {
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

    // IA32_MISC_ENABLE bits.
    public static final int MISC_FAST_STRINGS = 1;
    public static final int MISC_BTS_UNAVAILABLE = 1 << 11;
    public static final int MISC_PEBS_UNAVAILABLE = 1 << 12;

    /** {@link #activity}: executing. */
    public static final int RUNNING = 0;

    /** HLT: waits for an interrupt. */
    public static final int HALTED = 1;

    /** Triple fault: only RESET helps. */
    public static final int SHUTDOWN = 2;

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
    public long @Nullable [] guestDr;

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

    public int activity;

    /** Interrupts are held off for one instruction (STI, MOV SS, POP SS). */
    public boolean interruptShadow;

    /**
     * Debug exceptions too are held off for one instruction (MOV SS, POP SS): single-step traps and
     * breakpoints. Only together with {@link #interruptShadow}.
     */
    public boolean debugShadow;

    /** {@link #instructions} and {@link #rip} between two iterations of a repeated instruction. */
    private long repeatsAfter = -1;

    private long repeatsAt;

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

    /** Why a triple fault happened, for people; null: none did. */
    public @Nullable String shutdownReason;

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

    /**
     * @param index in its machine, from 0
     */
    protected VcpuState(int index) {
        this.index = index;
    }

    // ---- reset

    /**
     * RESET (SDM 3A, "Processor State After Reset", table "IA-32 and Intel 64 Processor States
     * Following Power-up, Reset, or INIT"): everything architectural except the time-stamp
     * counter's base, which is the machine's clock.
     *
     * @param signature of the processor (CPUID.1:EAX), which EDX holds then
     */
    protected final void resetState(int signature) {
        Arrays.fill(gpr, 0);
        gpr[Gpr.RDX] = signature & 0xFFFF_FFFFL;
        rip = 0xFFF0;
        setFlags(2);
        resetSegments();
        cr0 = CR0_CD | CR0_NW | CR0_ET;
        cr2 = 0;
        cr3 = 0;
        cr4 = 0;
        efer = 0;
        xcr0 = 1;
        Arrays.fill(pdpte, 0);
        Arrays.fill(dr, 0);
        dr[6] = 0xFFFF_0FF0L;
        dr[7] = 0x400;
        resetModelSpecific();
        resetFloatingPoint();
        activity = RUNNING;
        interruptShadow = false;
        debugShadow = false;
        repeating(false);
        nmiBlocked = false;
        pendingVector = -1;
        pendingDebug = 0;
        shutdownReason = null;
        instructions = 0;
        recompute();
    }

    /** Of every segment register present, writable data: CS too, real mode may write through it. */
    private void resetSegments() {
        Arrays.fill(segSel, 0);
        Arrays.fill(segBase, 0);
        Arrays.fill(segLimit, 0xFFFF);
        Arrays.fill(segAttr, Segments.P | Segments.S | Segments.TYPE_RW | Segments.TYPE_ACCESSED);
        segSel[Segments.CS] = 0xF000;
        segBase[Segments.CS] = 0xFFFF_0000L;
        segAttr[Segments.LDTR] = Segments.P | 2;
        segAttr[Segments.TR] = Segments.P | 0xB; // a busy 32-bit TSS
        gdtBase = 0;
        gdtLimit = 0xFFFF;
        idtBase = 0;
        idtLimit = 0xFFFF;
    }

    /** MTRRs are on, default write-back: what firmware would leave, since there is none. */
    private void resetModelSpecific() {
        star = 0;
        lstar = 0;
        cstar = 0;
        fmask = 0;
        kernelGsBase = 0;
        sysenterCs = 0;
        sysenterEsp = 0;
        sysenterEip = 0;
        pat = 0x0007_0406_0007_0406L;
        tscAux = 0;
        tscOffset = 0;
        miscEnable = MISC_FAST_STRINGS | MISC_BTS_UNAVAILABLE | MISC_PEBS_UNAVAILABLE;
        mtrrDefType = 0x806;
        Arrays.fill(mtrrFixed, 0x0606_0606_0606_0606L);
        Arrays.fill(mtrrVariable, 0);
        specCtrl = 0;
    }

    /** The registers are valid zeros then: tag word 5555H. */
    private void resetFloatingPoint() {
        Arrays.fill(fpSig, 0);
        Arrays.fill(fpExp, 0);
        fpTag = 0xFF;
        fcw = 0x40;
        fsw = 0;
        fop = 0;
        fip = 0;
        fdp = 0;
        fcs = 0;
        fds = 0;
        Arrays.fill(xmm, 0);
        mxcsr = 0x1F80;
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

    /**
     * True between two iterations of a repeated instruction: the image of EFLAGS that an interrupt
     * pushes here has RF set. Ends by itself when {@link #rip} moves or an instruction retires.
     */
    public boolean repeating() {
        return repeatsAfter == instructions && repeatsAt == rip;
    }

    /**
     * What {@link #repeating()} is here: after {@link #rip} and {@link #instructions} are set. Who
     * gives the vCPU another state says it, too.
     */
    public void repeating(boolean now) {
        repeatsAfter = now ? instructions : -1;
        repeatsAt = rip;
    }

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
        modeChanged();
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

    /** CPL, EFLAGS or a control register is another one: what depends on them is derived anew. */
    protected abstract void modeChanged();
}
