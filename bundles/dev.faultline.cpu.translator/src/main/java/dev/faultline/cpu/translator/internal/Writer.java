// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static dev.faultline.cpu.translator.internal.Assembler.LOAD;
import static dev.faultline.cpu.translator.internal.Assembler.R12;
import static dev.faultline.cpu.translator.internal.Assembler.R13;
import static dev.faultline.cpu.translator.internal.Assembler.R14;
import static dev.faultline.cpu.translator.internal.Assembler.R15;
import static dev.faultline.cpu.translator.internal.Assembler.RCX;
import static dev.faultline.cpu.translator.internal.Assembler.STORE;

import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Page;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.translator.verify.Candidate;
import dev.faultline.cpu.x86.op.Decoded;
import java.util.Arrays;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * What all forms of generated code are made of: addresses, probes, jumps, ways out. Writes one
 * translation at a time. One thread.
 *
 * <p>rcx, r13 and r14 are scratch. Between two instructions of the guest its flags are in the
 * host's, so whatever is done for an instruction before the instruction itself leaves the flags
 * alone: LEA, MOV, MOVZX, JRCXZ, and SHRX, SHLX and RORX of BMI2.
 */
final class Writer {
    static final int READ = 1;
    static final int WRITE = 2;

    final Assembler a = new Assembler();

    /** Those of all translations. */
    final Exits exits = new Exits();

    private final NativeCode code;
    private final IntPredicate crosses;

    // What is written behind the block, as it is rarely executed: where the jump to it ends, its
    // exit as it is packed, or FAR, and with FAR where the guest goes.
    private int[] coldEnds = new int[64];
    private int[] coldExits = new int[64];
    private long[] coldRips = new long[64];
    private int colds;

    /** Instead of an exit: a jump of the guest. */
    private static final int FAR = -1;

    /** The one that is written. */
    private Translation of;

    /** How many of its instructions may be entered. */
    private int entries;

    /** Instruction of the block that is written. */
    private int index;

    /** rip of what follows that instruction. */
    private long next;

    /** From where on exits are those of the block. */
    private int firstExit;

    /**
     * @param crosses whether the instruction at a page offset of the block's page does not end in
     *     it
     */
    @SuppressWarnings("NullAway.Init") // begin
    Writer(NativeCode code, IntPredicate crosses) {
        this.code = code;
        this.crosses = crosses;
    }

    void begin(Translation t) {
        of = t;
        entries = t.count;
        colds = 0;
        firstExit = exits.size();
        a.begin(code.next());
        t.entry = a.here();
    }

    /** The instruction that is written from here on. */
    void instruction(int i, @Gva long nextRip) {
        index = i;
        next = nextRip;
        int counted = of.countedTo(i);
        if (i == 0 || counted != of.countedTo(i - 1)) {
            a.b(0x66, 0x45, 0x0F, 0xD4); // paddq xmm15, [counts + 16 n]
            a.slotOperand(15, StateBlock.COUNTS + 16 * (counted - i));
        }
        of.enterAt(i, a.length());
    }

    /** rip of what follows the instruction. */
    long next() {
        return next;
    }

    /** Writes what was put off; the translation is complete. */
    void end() {
        for (int i = 0; i < colds; i++) { // some add others
            int end = coldEnds[i];
            a.land(end);
            if (coldExits[i] == FAR) {
                jump(coldRips[i]);
            } else {
                leave(coldExits[i], end);
            }
        }
    }

    /** What was written, for the verifier. */
    Candidate candidate() {
        int end = exits.size();
        long[] links =
                IntStream.range(firstExit, end)
                        .filter(e -> exits.kind(e) == Exit.LINK)
                        .mapToLong(exits::patch)
                        .toArray();
        long[] hvas = IntStream.range(0, entries).mapToLong(of::entry).toArray();
        return new Candidate(a.bytes(), of.entry, hvas, of.codeClass, firstExit, end, links);
    }

    /** All that a translation is whose code has changed: goes to where it begins, in Java. */
    void exitOnly(Translation t) {
        of = t;
        index = 0;
        entries = 0;
        firstExit = exits.size();
        a.begin(t.entry);
        leave(Exits.pack(Exit.GONE, 0, t.block.start), 0);
    }

    /** Nothing of the block is to be used. */
    void abandon() {
        exits.truncate(firstExit);
    }

    // ---- ways out

    private void leave(int packed, int patch) {
        a.b(0xC7, 0x04, 0x24); // mov dword [rsp], number
        a.little(exits.add(of, packed, patch), 4);
        a.jumpTo(code.exit(Exits.kindOf(packed), of.codeClass));
    }

    /** The interpreter executes this instruction. */
    void leaveInstruction() {
        leave(Exits.pack(Exit.INSTRUCTION, index, 0), 0);
    }

    /** The jump that ends at {@code end} leaves. */
    private void coldExit(int end, Exit kind, int value) {
        cold(end, Exits.pack(kind, index, value), 0);
    }

    private void cold(int end, int exit, long rip) {
        if (colds == coldEnds.length) {
            coldEnds = Arrays.copyOf(coldEnds, 2 * colds);
            coldExits = Arrays.copyOf(coldExits, 2 * colds);
            coldRips = Arrays.copyOf(coldRips, 2 * colds);
        }
        coldEnds[colds] = end;
        coldExits[colds] = exit;
        coldRips[colds++] = rip;
    }

    /** As {@link #leaveInstruction}, unless rcx is 0. */
    void leaveUnlessZero() {
        coldExit(a.jumpUnlessZero(), Exit.INSTRUCTION, 0);
    }

    /** As {@link #leaveInstruction}, if rcx is 0. */
    void leaveIfZero() {
        a.b(0xE3, 2, 0xEB, 5); // jrcxz: to the jump; jmp: over it
        coldExit(a.jump(), Exit.INSTRUCTION, 0);
    }

    // ---- jumps of the guest

    /**
     * Whether what is there holds as long as this. A jump to what may change by itself goes by the
     * table of jumps, which is emptied then.
     */
    private boolean isNear(@Gva long rip) {
        return (rip & Page.MASK) == of.base && !crosses.test((int) rip & Page.OFFSET_MASK);
    }

    /** Goes to {@code rip}. */
    void jump(@Gva long rip) {
        if (!isNear(rip)) {
            a.constant(R13, rip);
            jumpToR13(0);
            return;
        }
        if (rip < next) {
            poll(Exit.POLL, (int) rip & Page.OFFSET_MASK);
        }
        int end = a.jump();
        link(end, rip);
    }

    /** Goes to {@code rip} if the condition holds, the low four bits of Jcc's opcode. */
    void jump(int condition, @Gva long rip) {
        int end = a.jump(condition);
        if (rip >= next && isNear(rip)) {
            link(end, rip);
        } else {
            cold(end, FAR, rip);
        }
    }

    private void link(int end, @Gva long rip) {
        coldExit(end, Exit.LINK, (int) rip & Page.OFFSET_MASK);
    }

    /**
     * Goes to the rip in r13. If that is not canonical, the guest is put back to where the
     * instruction begins, and the interpreter executes it: nothing but the stack pointer may have
     * been changed by it.
     *
     * @param popped how many bytes the stack pointer was moved by, 0 .. {@link Exits#LARGEST}
     */
    void jumpToR13(int popped) {
        poll(Exit.POLL_INDIRECT, popped);
        lookUp(Exit.INDIRECT, popped);
        a.jumpByTable(StateBlock.jumpTargets(of.codeClass));
    }

    /** The interpreter executes the instruction unless the rip in r13 is canonical. */
    void leaveUnlessCanonical() {
        a.constant(RCX, 1L << 47);
        a.lea(true, RCX, RCX, R13, 0, 0);
        a.constant(R14, 48);
        a.shiftRightSigned(true, RCX, RCX, R14);
        leaveUnlessZero();
    }

    private void lookUp(Exit miss, int value) {
        a.b(0x45, 0x0F, 0xB7, 0xF5); // movzx r14d, r13w
        a.table(LOAD, RCX, StateBlock.jumpTags(of.codeClass));
        a.lea(true, RCX, RCX, R13, 0, 1);
        coldExit(a.jumpUnlessZero(), miss, value);
    }

    private void poll(Exit kind, int value) {
        a.slot(true, LOAD, RCX, StateBlock.NOTICE);
        a.b(0x8B, 0x09); // mov ecx, [rcx]
        coldExit(a.jumpUnlessZero(), kind, value);
    }

    // ---- registers

    /** Loads guest register {@code number} into a host register; nothing to do if it is there. */
    void load(int to, int number) {
        int h = NativeCode.host(number);
        if (h < 0) {
            a.slot(true, LOAD, to, StateBlock.gpr(number));
        } else if (h != to) {
            a.move(to, h);
        }
    }

    /** All 64 bits of guest register {@code number}. */
    void store(int from, int number) {
        int h = NativeCode.host(number);
        if (h < 0) {
            a.slot(true, STORE, from, StateBlock.gpr(number));
        } else if (h != from) {
            a.move(h, from);
        }
    }

    /** The host register that has guest register {@code number}: its own, or {@code scratch}. */
    int at(int number, int scratch) {
        int h = NativeCode.host(number);
        if (h >= 0) {
            return h;
        }
        a.slot(true, LOAD, scratch, StateBlock.gpr(number));
        return scratch;
    }

    // ---- memory

    /** Puts the linear address of the memory operand into r13. Uses rcx. */
    void address(Decoded d) {
        effective(d, d.addressSize == 8, R13);
        if (d.segOverride == Segments.FS || d.segOverride == Segments.GS) {
            int slot = StateBlock.FS_BASE + (d.segOverride == Segments.GS ? 8 : 0);
            a.slot(true, LOAD, RCX, slot);
            a.lea(true, R13, R13, RCX, 0, 0);
        }
    }

    /**
     * Puts the effective address into {@code to}, without a segment. Uses rcx and r13.
     *
     * @param wide 64 bits, else 32
     */
    void effective(Decoded d, boolean wide, int to) {
        boolean base = d.base != VcpuContext.ZERO;
        boolean index = d.index != VcpuContext.ZERO;
        if (d.ripRelative || !base && !index) {
            long at = d.ripRelative ? next + d.disp : d.disp;
            a.constant(to, wide ? at : at & 0xFFFF_FFFFL);
            return;
        }
        int b = base ? at(d.base, R13) : -1;
        int i = index ? at(d.index, RCX) : -1;
        a.lea(wide, to, b, i, d.scale, (int) d.disp);
    }

    /**
     * Looks the linear address in r13 up: then the host address is r14 + r13. Otherwise, or if the
     * access is not inside one page, the interpreter executes the instruction. Uses rcx.
     *
     * @param size bytes, at least 1
     * @param access READ, WRITE or both
     */
    void probe(int size, int access) {
        boolean both = access == (READ | WRITE);
        tag(size, (access & WRITE) != 0 ? StateBlock.writeTags(rights()) : readTags());
        if (both) {
            tag(size, readTags());
        }
        a.shiftRight(R14, R13, R15);
        a.low16ToIndex();
        a.table(LOAD, R14, StateBlock.addends(rights()));
    }

    private int rights() {
        return CodeClass.rights(of.codeClass);
    }

    /** Whether instructions on XMM registers may be written. */
    boolean allowsVectors() {
        return CodeClass.hasVectors(of.codeClass);
    }

    private int readTags() {
        return StateBlock.readTags(rights());
    }

    /**
     * As {@link #probe}, of as many elements as {@code count} says, at least one and fewer than
     * 4096.
     *
     * @param count host register
     * @param scale logarithm of an element's size
     * @param access READ or WRITE
     */
    void probeElements(int count, int scale, int access) {
        a.shiftRight(R14, R13, R15);
        a.lea(true, RCX, R13, count, scale, -1);
        compare(access == WRITE ? StateBlock.writeTags(rights()) : readTags());
        a.shiftRight(R14, R13, R15);
        a.low16ToIndex();
        a.table(LOAD, R14, StateBlock.addends(rights()));
    }

    private void tag(int size, int tags) {
        a.shiftRight(R14, R13, R15);
        a.lea(true, RCX, R13, -1, 0, size - 1);
        compare(tags);
    }

    /** Leaves unless the page of rcx is the one whose number is in r14, and has a tag. */
    private void compare(int tags) {
        a.shiftRight(RCX, RCX, R15);
        a.low16ToIndex();
        a.table(LOAD, R14, tags);
        a.lea(true, RCX, RCX, R14, 0, 1);
        coldExit(a.jumpUnlessZero(), Exit.MISS, 0);
    }

    /** The same for an access that the host makes atomic if it is aligned to its size. */
    void probeLocked(int size) {
        leaveUnlessAligned(size);
        probe(size, READ | WRITE);
    }

    /**
     * The interpreter executes the instruction if the address in r13 is not a multiple of {@code
     * size}, a power of two.
     */
    void leaveUnlessAligned(int size) {
        if (size > 1) {
            a.constant(RCX, 64 - Integer.numberOfTrailingZeros(size));
            a.shiftLeft(RCX, R13, RCX);
            leaveUnlessZero();
        }
    }

    /** Pushes the eight bytes in {@link StateBlock#TEMPORARY}. */
    void pushTemporary() {
        probePush();
        a.slot(true, LOAD, RCX, StateBlock.TEMPORARY);
        a.guest(true, STORE, RCX);
        moveStack(-8);
    }

    /** The eight bytes below the stack pointer are at r14 + r13. */
    void probePush() {
        a.lea(true, R13, R12, -1, 0, -8);
        probe(8, WRITE);
    }

    /** Flags stay as they are. */
    void moveStack(int bytes) {
        a.lea(true, R12, R12, -1, 0, bytes);
    }
}
