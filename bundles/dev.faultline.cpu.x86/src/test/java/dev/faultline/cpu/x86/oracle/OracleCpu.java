// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.oracle;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.fault.FaultSignal;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.op.RegisterUse;
import dev.faultline.cpu.x86.state.Outcome;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One vCPU in the state of the oracle's process: user mode, flat segments (16-bit mode: segments at
 * the pages). Executes vectors and compares.
 */
final class OracleCpu {
    /** Of the instruction in the code page. */
    static final int IP_OFFSET = 0x800;

    /** The oracle gives up on a repeated string instruction after this many iterations. */
    private static final int REP_STEPS = 601;

    private static final int COMPARED_FLAGS = 0x4_0ED5;
    private static final int CODE_LIMIT = 0xFFF;

    private final OracleFile file;
    final ProcessMmu mmu;
    private final Decoder decoder = new Decoder();
    private final Decoder fields = new Decoder();
    final VcpuContext v = new VcpuContext(0);
    private final MemorySegment data;
    private final MemorySegment stack;
    final long start;
    private final StringBuilder differences = new StringBuilder();

    /** Whose last bit may differ between processor models. */
    private static final Set<String> APPROXIMATE =
            Set.of("F2XM1", "FCOS", "FPATAN", "FPTAN", "FSIN", "FSINCOS", "FYL2X", "FYL2XP1");

    private static final Set<String> IN_PARTS =
            Set.of("CALL", "ENTER", "FBSTP", "FRSTOR", "FSTP", "MASKMOVQ", "POPA", "PUSHA");

    /** Status word bit C1, the direction of the last rounding. */
    private static final int C1 = 0x200;

    /** Vectors accepted although the last bit of an approximation differs. */
    private long lastBits;

    private boolean thrown;

    /** The instruction raised an exception. */
    private boolean raised;

    OracleCpu(OracleFile file) {
        this.file = file;
        mmu = new ProcessMmu(file.codeLin, file.dataLin, file.stackLin);
        mmu.code.fill((byte) 0xCC);
        data = MemorySegment.ofArray(file.data);
        stack = MemorySegment.ofArray(file.stack);
        mmu.data.copyFrom(data);
        mmu.stack.copyFrom(stack);
        v.mmu = mmu;
        v.propagation = new Style();
        start = file.mode == 16 ? IP_OFFSET : file.codeLin + IP_OFFSET;
        v.cr0 =
                VcpuContext.CR0_PG
                        | VcpuContext.CR0_AM
                        | VcpuContext.CR0_WP
                        | VcpuContext.CR0_NE
                        | VcpuContext.CR0_ET
                        | VcpuContext.CR0_MP
                        | VcpuContext.CR0_PE;
        v.cr4 =
                VcpuContext.CR4_PAE
                        | VcpuContext.CR4_OSFXSR
                        | VcpuContext.CR4_OSXMMEXCPT
                        | VcpuContext.CR4_UMIP
                        | VcpuContext.CR4_FSGSBASE;
        v.efer =
                VcpuContext.EFER_LMA
                        | VcpuContext.EFER_LME
                        | VcpuContext.EFER_NXE
                        | VcpuContext.EFER_SCE;
        segments();
    }

    private void segments() {
        int data = Segments.P | Segments.S | 3 << Segments.DPL_SHIFT | Segments.TYPE_RW | 1;
        int code = data | Segments.TYPE_CODE;
        int flat = Segments.G | Segments.DB;
        switch (file.mode) {
            case 64 -> {
                segment(Segments.CS, 0x33, 0, -1, code | Segments.G | Segments.L);
                segment(Segments.SS, 0x2B, 0, -1, data | flat);
                segment(Segments.DS, 0x2B, 0, -1, data | flat);
                segment(Segments.ES, 0x2B, 0, -1, data | flat);
            }
            case 32 -> {
                segment(Segments.CS, 0x23, 0, -1, code | flat);
                segment(Segments.SS, 0x2B, 0, -1, data | flat);
                segment(Segments.DS, 0x2B, 0, -1, data | flat);
                segment(Segments.ES, 0x2B, 0, -1, data | flat);
            }
            case 16 -> {
                segment(Segments.CS, 7, file.codeLin, CODE_LIMIT, code);
                segment(Segments.SS, 0x17, file.stackLin, 0xFFF, data);
                segment(Segments.DS, 0xF, file.dataLin, 0x2FFF, data);
                segment(Segments.ES, 0xF, file.dataLin, 0x2FFF, data);
            }
            default ->
                    throw new IllegalArgumentException(
                            "mode " + file.mode + ", expected 16, 32 or 64");
        }
        segment(Segments.FS, 0, 0, 0, Segments.UNUSABLE);
        segment(Segments.GS, 0, 0, 0, Segments.UNUSABLE);
    }

    private void segment(int i, int selector, long base, int limit, int attributes) {
        v.segSel[i] = selector;
        v.segBase[i] = base;
        v.segLimit[i] = limit;
        v.segAttr[i] = attributes;
    }

    /** Table line of the last instruction, null if its encoding does not exist here. */
    Row row() {
        return decoder.row();
    }

    int mode() {
        return file.mode;
    }

    /** What the table says that a vector's instruction uses; null: it does not say. */
    @Nullable RegisterUse use(OracleVector t) {
        Decoded d = fields.fields(t.code, 16, file.mode);
        return d == null || !d.exists() ? null : RegisterUse.of(d);
    }

    /** Decodes only. Separate from {@link #run}, so that what is not claimed can be skipped. */
    Op decode(OracleVector t) {
        Op op = decoder.decode(t.code, 16, file.mode, IP_OFFSET);
        if (op == null) {
            throw new IllegalStateException("decoder wants more than 15 bytes");
        }
        return op;
    }

    /**
     * Executes a decoded vector.
     *
     * @return what differs; empty if nothing does
     */
    String run(OracleVector t, Op op) {
        load(t);
        differences.setLength(0);
        finish(t, op, execute(t, op));
        return differences.toString();
    }

    /**
     * Compares what somebody else made of a vector after {@link #load}.
     *
     * @param faulted it raised the exception in {@code v.fault}
     * @return what differs; empty if nothing does
     */
    String compared(OracleVector t, boolean faulted) {
        differences.setLength(0);
        raised = faulted;
        compare(t);
        return differences.toString();
    }

    /** Bytes of the instruction that was decoded last. */
    int length() {
        return decoder.lastLength();
    }

    /**
     * Executes a decoded vector again and again, each time with another of its translations stopped
     * by protection, once per vector in the thrown style, and then to its end.
     *
     * @return what differs in the end, or was changed by what was stopped
     */
    String runStopped(OracleVector t, Op op) {
        differences.setLength(0);
        thrown = (t.id & 2) != 0;
        // Where the oracle gave up in a repetition, going on after a stop would go further.
        boolean stopped = !cut(t);
        for (int i = 0; stopped && differences.isEmpty(); i++) {
            load(t);
            v.flushTranslations();
            mmu.untilStop = i;
            int result = execute(t, op);
            stopped = mmu.untilStop < 0;
            mmu.untilStop = -1;
            if (stopped) {
                if (result != Outcome.FAULT || v.fault.kind != PendingFault.PROTECTED) {
                    differences.append(" result ").append(result).append(" of a stopped access");
                }
                if (!mayLeaveParts()) {
                    unchanged(t);
                }
                result = execute(t, op);
            }
            finish(t, op, result);
        }
        thrown = false;
        return differences.toString();
    }

    /** What hardware does in steps too: the restart does the same again. */
    private boolean mayLeaveParts() {
        Row e = decoder.row();
        boolean mmx = e.operands.contains("Pq") || e.operands.contains("Pd");
        return mmx || IN_PARTS.contains(e.mnemonic) || repeats();
    }

    private void unchanged(OracleVector t) {
        for (int i = 0; i < 16; i++) {
            if (v.gpr[i] != t.gprIn[i]) {
                differ("stopped, r" + i, v.gpr[i], t.gprIn[i]);
            }
        }
        if (((v.getFlags() ^ t.flagsIn) & COMPARED_FLAGS) != 0) {
            differ("stopped, flags", v.getFlags(), t.flagsIn);
        }
        compareFp(t.in);
        if (mmu.data.mismatch(data) >= 0 || mmu.stack.mismatch(stack) >= 0) {
            differences.append(" stopped, memory changed;");
        }
    }

    /** The oracle gave up in a repetition. */
    boolean cut(OracleVector t) {
        return t.exception == OracleVector.NONE && t.ripOut == start && repeats();
    }

    /** Up to the instruction's end, or as far as the oracle went. */
    int execute(OracleVector t, Op op) {
        boolean cut = cut(t);
        if (cut || (t.id & 1) != 0 && repeats()) {
            v.eflags |= VcpuContext.TF;
        }
        int result;
        try {
            result = op.execute(v);
            for (int i = 1; result == Outcome.AGAIN && !(cut && i == REP_STEPS); i++) {
                result = op.execute(v);
            }
        } catch (FaultSignal signal) {
            result = Outcome.FAULT;
        }
        v.eflags &= ~VcpuContext.TF;
        return result;
    }

    private void finish(OracleVector t, Op op, int result) {
        raised = result == Outcome.FAULT;
        switch (result) {
            case Outcome.NEXT, Outcome.END ->
                    v.rip = v.engineBase + IP_OFFSET + decoder.lastLength() & v.ripMask;
            case Outcome.FAULT, Outcome.AGAIN, Outcome.WAIT -> v.rip = start;
            default -> {
                // The instruction has set rip.
            }
        }
        compare(t);
        restore();
    }

    private boolean repeats() {
        Row e = decoder.row();
        return e != null
                && e.map == 0
                && (e.opcode >= 0xA4 && e.opcode <= 0xA7 || e.opcode >= 0xAA && e.opcode <= 0xAF);
    }

    void load(OracleVector t) {
        System.arraycopy(t.gprIn, 0, v.gpr, 0, 16);
        v.setFlags((int) t.flagsIn);
        mmu.setCode(t.code);
        if (file.mode == 64) {
            v.segBase[Segments.FS] = t.fsIn;
            v.segBase[Segments.GS] = t.gsIn;
        }
        v.recompute();
        v.rip = start;
        v.engineBase = file.mode == 16 ? 0 : file.codeLin;
        OracleVector.FpState f = t.in;
        System.arraycopy(f.xmm, 0, v.xmm, 0, 32);
        v.mxcsr = f.mxcsr;
        v.fcw = f.fcw;
        v.fsw = f.fsw;
        v.fpTag = f.tags;
        int top = f.fsw >> 11 & 7;
        for (int i = 0; i < 8; i++) {
            v.fpSig[top + i & 7] = f.significand[i];
            v.fpExp[top + i & 7] = f.exponent[i];
        }
        v.fop = 0;
        v.fip = 0;
        v.fdp = 0;
        v.fcs = 0;
        v.fds = 0;
    }

    private void compare(OracleVector t) {
        boolean expectFault = t.exception != OracleVector.NONE;
        if (raised != expectFault || raised && v.fault.vector != t.exception) {
            differ("exception", raised ? v.fault.vector : -1, expectFault ? t.exception : -1);
            return;
        }
        if (raised) {
            int code = Math.max(v.fault.errorCode, 0);
            if (t.exception >= 10 && t.exception <= 14 && code != t.errorCode) {
                differ("error code", code, t.errorCode);
            }
            if (t.exception == 14 && v.fault.gva != t.cr2) {
                differ("cr2", v.fault.gva, t.cr2);
            }
        }
        if (v.rip != t.ripOut) {
            differ("rip", v.rip, t.ripOut);
        }
        int undefined = t.undefinedFlags | undefinedFlags();
        long flags = (v.getFlags() ^ t.flagsOut) & COMPARED_FLAGS & ~undefined;
        if (flags != 0) {
            differ(
                    "flags(" + Long.toHexString(flags) + ")",
                    v.getFlags(),
                    t.flagsOut & 0xFFFFFFFFL);
        }
        // Outside 64-bit mode the upper halves are no part of the state: a kernel's return to a
        // 16-bit stack leaves parts of its own stack pointer there.
        long width = file.mode == 64 ? -1 : 0xFFFF_FFFFL;
        for (int i = 0; i < (file.mode == 64 ? 16 : 8); i++) {
            if (((v.gpr[i] ^ t.gprOut[i]) & width) != 0) {
                differ("r" + i, v.gpr[i] & width, t.gprOut[i] & width);
            }
        }
        if (file.mode == 64 && (v.segBase[4] != t.fsOut || v.segBase[5] != t.gsOut)) {
            differ("fs base", v.segBase[4], t.fsOut);
            differ("gs base", v.segBase[5], t.gsOut);
        }
        compareFp(t.out);
        if (!t.memoryCut) {
            compareMemory(t);
        }
    }

    /**
     * Flags that SDM 2A leaves undefined and files of the first oracle do not mask: "AAA", "AAS",
     * "DAA", "DAS".
     */
    private int undefinedFlags() {
        Row e = decoder.row();
        return switch (e == null ? "" : e.mnemonic) {
            case "AAA", "AAS", "DAA", "DAS" -> e.definition.flags().undefined();
            default -> 0;
        };
    }

    /**
     * RCP and RSQRT are approximations whose relative error is at most 1.5 * 2^-12 (SDM 2B,
     * "RCPPS", "RSQRTPS"): two of them are at most twice that apart.
     *
     * @param got two floats
     */
    private boolean nearly(long got, long want) {
        Row e = decoder.row();
        if (e == null || !e.mnemonic.startsWith("RCP") && !e.mnemonic.startsWith("RSQRT")) {
            return false;
        }
        for (int shift = 0; shift < 64; shift += 32) {
            float a = Float.intBitsToFloat((int) (got >>> shift));
            float b = Float.intBitsToFloat((int) (want >>> shift));
            boolean same = (int) (got >>> shift) == (int) (want >>> shift);
            if (!same && !(Math.abs((double) a - b) <= Math.abs((double) b) * 3 / 4096)) {
                return false;
            }
        }
        lastBits++;
        return true;
    }

    long lastBitDifferences() {
        return lastBits;
    }

    /** The results of an x87 approximation, one in the last place and C1 aside. */
    private boolean nearly(OracleVector.FpState f) {
        Row e = decoder.row();
        if (e == null || !APPROXIMATE.contains(e.mnemonic) || ((v.fsw ^ f.fsw) & ~C1) != 0) {
            return false;
        }
        int top = f.fsw >> 11 & 7;
        boolean differs = v.fsw != f.fsw;
        for (int i = 0; i < 8; i++) {
            int p = top + i & 7;
            int exponent = v.fpExp[p] & 0xFFFF;
            boolean same = exponent == f.exponent[i] && v.fpSig[p] == f.significand[i];
            if (!same
                    && !follows(exponent, v.fpSig[p], f.exponent[i], f.significand[i])
                    && !follows(f.exponent[i], f.significand[i], exponent, v.fpSig[p])) {
                return false;
            }
            differs |= !same;
        }
        return differs;
    }

    /** Whether the second number is the one with the next larger magnitude. */
    private static boolean follows(int exponent, long significand, int next, long nextSignificand) {
        boolean carries = significand == -1;
        return next == exponent + (carries ? 1 : 0)
                && nextSignificand == (carries ? Long.MIN_VALUE : significand + 1);
    }

    private void compareFp(OracleVector.FpState f) {
        for (int i = 0; i < 32; i++) {
            if (v.xmm[i] != f.xmm[i] && !nearly(v.xmm[i], f.xmm[i])) {
                differ("xmm" + (i >> 1) + ((i & 1) == 0 ? "" : "h"), v.xmm[i], f.xmm[i]);
            }
        }
        if (v.mxcsr != f.mxcsr) {
            differ("mxcsr", v.mxcsr, f.mxcsr);
        }
        if (v.fcw != f.fcw) {
            differ("fcw", v.fcw, f.fcw);
        }
        boolean nearly = nearly(f);
        if (nearly) {
            lastBits++;
        }
        if (v.fsw != f.fsw && !nearly) {
            differ("fsw", v.fsw, f.fsw);
        }
        if (v.fpTag != f.tags) {
            differ("tags", v.fpTag, f.tags);
        }
        int top = f.fsw >> 11 & 7;
        for (int i = 0; i < 8 && !nearly; i++) {
            int p = top + i & 7;
            if (v.fpSig[p] != f.significand[i] || (v.fpExp[p] & 0xFFFF) != f.exponent[i]) {
                differ("st" + i + ".exponent", v.fpExp[p], f.exponent[i]);
                differ("st" + i, v.fpSig[p], f.significand[i]);
            }
        }
    }

    private void compareMemory(OracleVector t) {
        for (int i = 0; i < t.pieces; i++) {
            patch(t.pieceLin[i], t.pieceBytes[i]);
        }
        if (!raised && t.map == 0 && decoder.row().opcode == 0x9C) {
            withoutTrapFlag();
        }
        long at = mmu.data.mismatch(data);
        if (at >= 0) {
            differ(
                    "byte " + Long.toHexString(file.dataLin + at),
                    mmu.data.get(BYTE, at) & 0xFF,
                    file.data[(int) at] & 0xFF);
        }
        at = mmu.stack.mismatch(stack);
        if (at >= 0) {
            differ(
                    "byte " + Long.toHexString(file.stackLin + at),
                    mmu.stack.get(BYTE, at) & 0xFF,
                    file.stack[(int) at] & 0xFF);
        }
        for (int i = 0; i < t.pieces; i++) {
            patch(t.pieceLin[i], t.pieceBytes[i]);
        }
    }

    /** PUSHF: the oracle takes its own TF out of what changed only; out of ours, then. */
    private void withoutTrapFlag() {
        long lin = v.segBase[Segments.SS] + (v.gpr[4] & v.stackMask) + 1;
        long at = lin - file.dataLin;
        if (at >= 0 && at < file.data.length) {
            byte expected = file.data[(int) at];
            mmu.data.set(BYTE, at, (byte) (mmu.data.get(BYTE, at) & ~1 | expected & 1));
        }
        at = lin - file.stackLin;
        if (at >= 0 && at < file.stack.length) {
            byte expected = file.stack[(int) at];
            mmu.stack.set(BYTE, at, (byte) (mmu.stack.get(BYTE, at) & ~1 | expected & 1));
        }
    }

    private static final java.lang.foreign.ValueLayout.OfByte BYTE =
            java.lang.foreign.ValueLayout.JAVA_BYTE;

    /** Exchanges bytes of the expected image with {@code bytes}. */
    private void patch(int lin, byte[] bytes) {
        boolean inStack = lin >= file.stackLin;
        byte[] image = inStack ? file.stack : file.data;
        int at = lin - (int) (inStack ? file.stackLin : file.dataLin);
        for (int i = 0; i < bytes.length; i++) {
            byte old = image[at + i];
            image[at + i] = bytes[i];
            bytes[i] = old;
        }
    }

    /** Memory as all vectors have it. */
    void restore() {
        mmu.data.copyFrom(data);
        mmu.stack.copyFrom(stack);
    }

    private void differ(String what, long got, long want) {
        differences
                .append(' ')
                .append(what)
                .append('=')
                .append(Long.toHexString(got))
                .append(" want ")
                .append(Long.toHexString(want))
                .append(';');
    }

    /** Either style. */
    private final class Style implements FaultPropagation {
        @Override
        public String style() {
            return thrown ? "thrown" : "coded";
        }

        @Override
        public long raise(VcpuContext v) {
            if (thrown) {
                throw v.signal;
            }
            return FAULTED;
        }

        @Override
        public int run(VcpuLoop loop, VcpuContext v) {
            return loop.loop(v);
        }
    }
}
