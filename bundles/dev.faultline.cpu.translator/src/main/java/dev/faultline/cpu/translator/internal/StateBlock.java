// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static dev.faultline.api.memory.HostBytes.ALL;

import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Hva;
import dev.faultline.api.address.Page;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.cpu.translator.lockstep.LockStep;
import dev.faultline.cpu.translator.verify.Layout;
import dev.faultline.cpu.translator.verify.Layout.Slot;
import dev.faultline.cpu.translator.verify.Layout.Tables;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.BitSet;
import java.util.function.IntConsumer;

/**
 * What generated code works on: the guest's registers while it runs, translations of data accesses,
 * and where indirect jumps go. Of one vCPU, on its thread. Offsets are from r15.
 *
 * <p>r15's low six bits are 12, so that it is the count of the shifts that make page numbers of
 * addresses (SHRX takes six bits).
 *
 * <p>Translations are kept for each rights class ({@link VcpuContext#tlbKey}, bits 0-1) but the
 * last, under which nothing may be cached, jumps for each {@link CodeClass}. A tag is the negative
 * of what it stands for and less one, so that fresh memory is an empty table, and a hit a sum of 0.
 */
final class StateBlock implements AutoCloseable, LockStep.Translations {
    private static final int MISALIGNMENT = 12;

    /** What {@code al} and {@code ah} are after SETO AL and LAHF. */
    static final int FLAGS = 16 * 8 - MISALIGNMENT;

    /** Out: a linear address or a rip. */
    static final int LIN = FLAGS + 8;

    /** Instructions counted. */
    static final int COUNT = LIN + 8;

    /** In: where to begin. */
    static final int ENTRY = COUNT + 8;

    /** hva of the word that is not 0 if the vCPU is asked for something. */
    static final int NOTICE = ENTRY + 8;

    /** Linear base of FS; that of GS follows. */
    static final int FS_BASE = NOTICE + 8;

    static final int TEMPORARY = FS_BASE + 16;

    /** 16 bytes each, aligned: the numbers from 0 to {@link #LARGEST_COUNT}, as quadwords. */
    static final int COUNTS = TEMPORARY + 8;

    static final int LARGEST_COUNT = 63;

    /** 16 bytes each, aligned: the XMM registers. */
    static final int XMM = COUNTS + 16 * (LARGEST_COUNT + 1);

    /** A byte: an XMM register may have been written. */
    static final int XMM_WRITTEN = XMM + 16 * 16;

    static final int MXCSR = XMM_WRITTEN + 4;

    /** EFLAGS as PUSHF stores them, but for the status flags and IF. */
    static final int FLAGS_IMAGE = MXCSR + 4;

    /** EFLAGS.IF, at its place. */
    static final int INTERRUPT_FLAG = FLAGS_IMAGE + 8;

    /** Not 0 if CLI may not clear it. */
    static final int CLI_REFUSED = INTERRUPT_FLAG + 8;

    /** EFLAGS.DF, at its place. */
    static final int DIRECTION = CLI_REFUSED + 8;

    /** Selectors of ES, CS, SS, DS, FS and GS, eight bytes each. */
    static final int SELECTORS = DIRECTION + 8;

    /** For string operations: hva of the source, and guest rsi meanwhile. */
    static final int SOURCE = SELECTORS + 6 * 8;

    static final int SAVED = SOURCE + 8;

    private static final int MXCSR_DEFAULT = 0x1F80;

    private static final int CLASSES = 3;
    static final int JUMP_CLASSES = 2 * CLASSES;
    private static final int ENTRIES = 1 << 16;
    private static final int TABLE = ENTRIES * 8;
    private static final int LAST_RIP = ENTRIES - 1;
    private static final int SECOND_LAST_RIP = ENTRIES - 2;
    private static final int TABLES = Page.SIZE - MISALIGNMENT;
    private static final int SIZE = Page.SIZE + (3 * CLASSES + 4 * JUMP_CLASSES) * TABLE;

    /** Slots filled since the last flush that are cleared one by one; more: all. */
    private static final int LOG = 8192;

    private static final int JUMP_LOG = 32768;

    /** In the logs of jumps: of the second table. */
    private static final int SECOND = 1 << 29;

    /** hva in r15. */
    final @Hva long address;

    private final HostRegion region;

    // Those of global pages apart: there are many, and most flushes leave them.
    private final PlaceLog[] filled = new PlaceLog[CLASSES];
    private final PlaceLog[] filledGlobal = new PlaceLog[CLASSES];
    private final PlaceLog jumps = new PlaceLog(JUMP_LOG);
    private final PlaceLog jumpsGlobal = new PlaceLog(JUMP_LOG);

    // Of what is in the table that is looked at first, by class and index.
    private final BitSet globalJumps = new BitSet(JUMP_CLASSES * ENTRIES);
    private final BitSet crossingJumps = new BitSet(JUMP_CLASSES * ENTRIES);

    StateBlock(HostMemory host) {
        region = host.reserve(SIZE + 64);
        address = region.address() + MISALIGNMENT;
        for (int i = 0; i <= LARGEST_COUNT; i++) {
            put(COUNTS + 16 * i, i);
        }
        refuseLastRip();
        Arrays.setAll(filled, k -> new PlaceLog(LOG));
        Arrays.setAll(filledGlobal, k -> new PlaceLog(LOG));
    }

    /** rip -1 is the one whose tag is 0. */
    private void refuseLastRip() {
        for (int k = 0; k < JUMP_CLASSES; k++) {
            put(jumpTags(k) + LAST_RIP * 8, 1);
            put(secondTags(k) + SECOND_LAST_RIP * 8, 1);
        }
    }

    // ---- layout

    /** Slot of a general register. */
    static int gpr(int number) {
        return number * 8 - MISALIGNMENT;
    }

    /** Slot of an XMM register. */
    static int xmm(int number) {
        return XMM + 16 * number;
    }

    private static int table(int number) {
        return TABLES + number * TABLE;
    }

    static int readTags(int rightsClass) {
        return table(3 * rightsClass);
    }

    static int writeTags(int rightsClass) {
        return table(3 * rightsClass + 1);
    }

    /** What to add to a linear address to have the hva. */
    static int addends(int rightsClass) {
        return table(3 * rightsClass + 2);
    }

    static int jumpTags(int codeClass) {
        return table(3 * CLASSES + 2 * codeClass);
    }

    static int jumpTargets(int codeClass) {
        return table(3 * CLASSES + 2 * codeClass + 1);
    }

    /**
     * Tags of jumps that had to make room in the table that is looked at first: another index keeps
     * apart what met there.
     */
    static int secondTags(int codeClass) {
        return table(3 * CLASSES + 2 * (JUMP_CLASSES + codeClass));
    }

    static int secondTargets(int codeClass) {
        return table(3 * CLASSES + 2 * (JUMP_CLASSES + codeClass) + 1);
    }

    /** As {@link NativeCode} has it. */
    private static int secondIndex(@Gva long rip) {
        return (int) ((rip >>> 12) + rip) & ENTRIES - 1;
    }

    /**
     * What generated code may do with it, for the verifier.
     *
     * @param code has the ways out
     */
    static Layout layout(NativeCode code) {
        Slot[] s = Layout.none(TABLES + MISALIGNMENT);
        for (int g = 0; g < 16; g++) {
            if (NativeCode.host(g) < 0) {
                s[gpr(g) + MISALIGNMENT] = Slot.REGISTER;
            }
            s[xmm(g) + MISALIGNMENT] = Slot.VECTOR;
        }
        for (int i = 1; i <= LARGEST_COUNT; i++) {
            s[COUNTS + 16 * i + MISALIGNMENT] = Slot.STEP;
        }
        s[NOTICE + MISALIGNMENT] = Slot.NOTICE;
        s[FS_BASE + MISALIGNMENT] = Slot.CONSTANT;
        s[FS_BASE + 8 + MISALIGNMENT] = Slot.CONSTANT;
        s[TEMPORARY + MISALIGNMENT] = Slot.REGISTER;
        s[XMM_WRITTEN + MISALIGNMENT] = Slot.VECTOR_WRITTEN;
        s[FLAGS_IMAGE + MISALIGNMENT] = Slot.CONSTANT;
        s[INTERRUPT_FLAG + MISALIGNMENT] = Slot.INTERRUPT_FLAG;
        s[CLI_REFUSED + MISALIGNMENT] = Slot.CLI_REFUSED;
        for (int i = 0; i < 6; i++) {
            s[SELECTORS + 8 * i + MISALIGNMENT] = Slot.CONSTANT;
        }
        Tables[] t = new Tables[JUMP_CLASSES];
        for (int c = 0; c < JUMP_CLASSES; c++) {
            int r = CodeClass.rights(c);
            t[c] =
                    new Tables(
                            readTags(r),
                            writeTags(r),
                            addends(r),
                            jumpTags(c),
                            jumpTargets(c),
                            CodeClass.hasVectors(c),
                            code.exit(Exit.INDIRECT, c));
        }
        Layout.Strings strings = new Layout.Strings(DIRECTION, SOURCE, SAVED);
        long exit = code.exit(Exit.INSTRUCTION, 0);
        return new Layout(-MISALIGNMENT, s, t, strings, exit, NativeCode.LARGEST);
    }

    long get(int offset) {
        return HostBytes.get64(address + offset);
    }

    void put(int offset, long value) {
        HostBytes.put64(address + offset, value);
    }

    // ---- registers

    void load(VcpuState v) {
        MemorySegment.copy(v.gpr, 0, ALL, ValueLayout.JAVA_LONG_UNALIGNED, address + gpr(0), 16);
        int f = v.getFlags();
        put(FLAGS, (f & 0xD5 | 2) << 8 | (f & VcpuState.OF) >>> 11);
        int kept = VcpuState.STATUS_FLAGS | VcpuState.IF | VcpuState.RF | VcpuState.VM;
        put(FLAGS_IMAGE, f & ~kept);
        put(INTERRUPT_FLAG, f & VcpuState.IF);
        put(CLI_REFUSED, v.cpl > (f & VcpuState.IOPL) >>> 12 ? 1 : 0);
        put(DIRECTION, f & VcpuState.DF);
        for (int i = 0; i < 6; i++) {
            put(SELECTORS + 8 * i, v.segSel[i] & 0xFFFF);
        }
        put(FS_BASE, v.effBase[Segments.FS]);
        put(FS_BASE + 8, v.effBase[Segments.GS]);
    }

    void store(VcpuState v) {
        MemorySegment.copy(ALL, ValueLayout.JAVA_LONG_UNALIGNED, address + gpr(0), v.gpr, 0, 16);
        int f = (int) get(FLAGS);
        v.eflags = v.eflags & ~VcpuState.IF | (int) get(INTERRUPT_FLAG);
        v.setStatusFlags(f >>> 8 & 0xD5 | (f & 1) << 11);
    }

    /** The XMM registers, and MXCSR for code that computes under it. */
    void loadVectors(VcpuState v) {
        MemorySegment.copy(v.xmm, 0, ALL, ValueLayout.JAVA_LONG_UNALIGNED, address + XMM, 32);
        HostBytes.put32(address + XMM_WRITTEN, 0);
        HostBytes.put32(address + MXCSR, v.mxcsr);
    }

    void storeVectors(VcpuState v) {
        if (HostBytes.get8(address + XMM_WRITTEN) != 0) {
            MemorySegment.copy(ALL, ValueLayout.JAVA_LONG_UNALIGNED, address + XMM, v.xmm, 0, 32);
            HostBytes.put32(address + XMM_WRITTEN, 0);
        }
        v.mxcsr = HostBytes.get32(address + MXCSR);
    }

    /** For code that does not compute under MXCSR. */
    void defaultMxcsr() {
        HostBytes.put32(address + MXCSR, MXCSR_DEFAULT);
    }

    // ---- translations

    @Override
    public void fill(VcpuContext v, @Gva long lin, boolean writable) {
        int i = ((int) (lin >>> 12) & VcpuContext.TLB_ENTRIES - 1) * VcpuContext.TLB_STRIDE;
        long tag = lin & Page.MASK | v.tlbKey;
        boolean reads = v.tlb[i] == tag;
        boolean writes = writable && v.tlb[i + 1] == tag;
        int k = (int) v.tlbKey & 3;
        if (k == CLASSES || !reads && !writes) {
            return;
        }
        int index = (int) (lin >>> 12) & ENTRIES - 1;
        int slot = index * 8;
        long own = -(lin >>> 12) - 1;
        put(readTags(k) + slot, reads ? own : 0);
        put(writeTags(k) + slot, writes ? own : 0);
        put(addends(k) + slot, v.tlb[i + 2]);
        (v.tlb[i + 3] == v.globalMark() ? filledGlobal[k] : filled[k]).add(index);
    }

    @Override
    public boolean has(int rightsClass, @Gva long lin, boolean toWrite) {
        int tags = toWrite ? writeTags(rightsClass) : readTags(rightsClass);
        return get(tags + ((int) (lin >>> 12) & ENTRIES - 1) * 8) == -(lin >>> 12) - 1;
    }

    @Override
    public void refuseWrites(int rightsClass, @Gva long lin) {
        put(writeTags(rightsClass) + ((int) (lin >>> 12) & ENTRIES - 1) * 8, 0);
    }

    /**
     * Where an indirect jump to {@code rip} goes on.
     *
     * @param global the code is in global pages only
     * @param crosses it reaches into the next page
     */
    void jump(int codeClass, @Gva long rip, @Hva long entry, boolean global, boolean crosses) {
        int index = (int) rip & ENTRIES - 1;
        if (index == LAST_RIP) {
            return;
        }
        int place = codeClass << 16 | index;
        long there = get(jumpTags(codeClass) + index * 8);
        if (there != 0 && there != -rip - 1 && !crossingJumps.get(place)) {
            long target = get(jumpTargets(codeClass) + index * 8);
            second(codeClass, -there - 1, target, globalJumps.get(place));
        }
        globalJumps.set(place, global);
        crossingJumps.set(place, crosses);
        put(jumpTargets(codeClass) + index * 8, entry);
        put(jumpTags(codeClass) + index * 8, -rip - 1);
        (global ? jumpsGlobal : jumps).add(place);
    }

    private void second(int codeClass, @Gva long rip, @Hva long entry, boolean global) {
        int index = secondIndex(rip);
        if (index == SECOND_LAST_RIP) {
            return;
        }
        put(secondTargets(codeClass) + index * 8, entry);
        put(secondTags(codeClass) + index * 8, -rip - 1);
        (global ? jumpsGlobal : jumps).add(SECOND | codeClass << 16 | index);
    }

    /**
     * Forgets translations, and jumps that depend on them.
     *
     * @param local those of global pages stay
     */
    void flush(boolean local) {
        flushTranslations(local);
        flushJumps(local);
    }

    /** Forgets which pages may be written. */
    void dropWritable() {
        for (int k = 0; k < CLASSES; k++) {
            if (filled[k].isOver() || filledGlobal[k].isOver()) {
                HostBytes.fill(address + writeTags(k), TABLE, (byte) 0);
            } else {
                int tags = writeTags(k);
                filled[k].forEach(i -> put(tags + i * 8, 0));
                filledGlobal[k].forEach(i -> put(tags + i * 8, 0));
            }
        }
    }

    /**
     * @param local those of global pages stay
     */
    private void flushTranslations(boolean local) {
        for (int k = 0; k < CLASSES; k++) {
            int reads = readTags(k);
            int writes = writeTags(k);
            if (filled[k].isOver() || !local && filledGlobal[k].isOver()) {
                HostBytes.fill(address + reads, 2L * TABLE, (byte) 0);
                filledGlobal[k].clear();
            } else {
                IntConsumer clear =
                        i -> {
                            put(reads + i * 8, 0);
                            put(writes + i * 8, 0);
                        };
                filled[k].forEach(clear);
                if (!local) {
                    filledGlobal[k].forEach(clear);
                    filledGlobal[k].clear();
                }
            }
            filled[k].clear();
        }
    }

    /**
     * @param local those to global pages stay
     */
    void flushJumps(boolean local) {
        if (jumps.isOver() || !local && jumpsGlobal.isOver()) {
            for (int k = 0; k < JUMP_CLASSES; k++) {
                HostBytes.fill(address + jumpTags(k), TABLE, (byte) 0);
                HostBytes.fill(address + secondTags(k), TABLE, (byte) 0);
            }
            refuseLastRip();
            crossingJumps.clear();
            jumpsGlobal.clear();
        } else {
            jumps.forEach(this::clearJump);
            if (!local) {
                jumpsGlobal.forEach(this::clearJump);
                jumpsGlobal.clear();
            }
        }
        jumps.clear();
    }

    private void clearJump(int place) {
        int codeClass = place >>> 16 & 7;
        int tags = (place & SECOND) != 0 ? secondTags(codeClass) : jumpTags(codeClass);
        put(tags + (place & ENTRIES - 1) * 8, 0);
    }

    /** Forgets jumps to code that reaches into the next page. */
    void flushCrossingJumps() {
        for (int p = crossingJumps.nextSetBit(0); p >= 0; p = crossingJumps.nextSetBit(p + 1)) {
            put(jumpTags(p >>> 16) + (p & ENTRIES - 1) * 8, 0);
        }
        crossingJumps.clear();
    }

    @Override
    public void close() {
        region.close();
    }
}
