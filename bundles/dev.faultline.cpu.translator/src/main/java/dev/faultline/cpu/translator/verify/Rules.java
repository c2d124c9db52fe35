// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.verify;

import static dev.faultline.cpu.translator.verify.Facts.R13;
import static dev.faultline.cpu.translator.verify.Facts.R14;
import static dev.faultline.cpu.translator.verify.Facts.RAX;
import static dev.faultline.cpu.translator.verify.Facts.RCX;
import static dev.faultline.cpu.translator.verify.Facts.RDX;

import dev.faultline.cpu.translator.verify.Facts.Index;
import dev.faultline.cpu.translator.verify.Facts.Scratch;
import dev.faultline.cpu.translator.verify.Layout.Slot;
import dev.faultline.cpu.translator.verify.Layout.Tables;
import org.jspecify.annotations.Nullable;

/**
 * Whether one instruction may stand where it stands, by what is certain there, and what is certain
 * behind it. A method returns null, or why not.
 */
final class Rules {
    private static final int RSP = 4;
    private static final int R15 = 15;

    /** XMM registers that stand for those of the guest are below it. */
    private static final int VECTORS = 3;

    /** Counts instructions. */
    private static final int COUNTER = 15;

    // Opcodes of the one-byte map.
    private static final int STORE = 0x89;
    private static final int LOAD = 0x8B;
    private static final int SET_BYTE = 0xC6;
    private static final int SET = 0xC7;

    private static final String REGISTER = "a register that is not the guest's";

    private final Layout layout;
    private final Facts facts;

    Rules(Layout layout, Facts facts) {
        this.layout = layout;
        this.facts = facts;
    }

    /**
     * @param i any instruction but a jump with a displacement or a way out
     */
    @Nullable String apply(Reader i, Tables t) {
        if (i.vex != 0) {
            return bmi2(i);
        }
        if (i.has(Opcodes.VECTOR) && !t.vectors() && !isAddition(i)) {
            return "an XMM register, in code that may use none";
        }
        if (i.lock && !(i.has(Opcodes.LOCKABLE) && i.memory)) {
            return "a LOCK prefix";
        }
        if (i.has(Opcodes.LEA)) {
            return i.memory ? lea(i) : REGISTER;
        }
        if (i.memory) {
            return memory(i, t);
        }
        if (i.has(Opcodes.MEMORY_ONLY)) {
            return "no memory operand";
        }
        return index(i) || highByte(i) ? null : general(i);
    }

    // ---- addresses and probes

    private @Nullable String bmi2(Reader i) {
        if (i.vex == Reader.RORX) {
            boolean allowed = isFree(i.reg) && isFree(i.rm) && !secret(i.rm);
            return allowed ? written(i.reg, i) : REGISTER;
        }
        if (i.vex == Reader.SARX) {
            boolean allowed = i.reg == RCX && i.vvvv == R14 && isFree(i.rm) && !secret(i.rm);
            return allowed && facts.r14 == Index.UNKNOWN ? written(RCX, i) : "a SARX of others";
        }
        if (i.vex == Reader.SHRX && i.rm == RAX) {
            int bits = i.wide() ? 63 : 31;
            boolean allowed = i.reg == RCX && i.vvvv == R14 && facts.isNumberInR14(bits);
            facts.setRcx(Scratch.SIGN, bits + 1 >> 3);
            return allowed ? null : "a SHRX that makes no sign";
        }
        if (i.vex == Reader.SHRX && i.wide()) {
            if (i.vvvv == R15 && i.reg == R14 && i.rm == R13) {
                facts.setR14(Index.PAGE);
                return null;
            }
            if (i.vvvv == R15 && i.reg == RCX && i.rm == RCX && facts.rcx == Scratch.LAST) {
                facts.setRcx(Scratch.LAST_PAGE, facts.size);
                return null;
            }
            return "a SHRX that makes no page number";
        }
        if (i.vex != Reader.SHLX) {
            return "a SHRX of 32 bits";
        }
        if (i.reg == RCX && i.rm == R13 && i.vvvv == RCX) {
            boolean counts = facts.rcx == Scratch.NUMBER && facts.size >= 60 && facts.size < 64;
            int alignment = counts ? 1 << 64 - facts.size : 1;
            facts.setRcx(counts ? Scratch.MISALIGNMENT : Scratch.UNKNOWN, alignment);
            return null;
        }
        // PUSHF moves a bit.
        if (i.reg == R13 && i.rm == R13 && i.vvvv == R14 && facts.r14 == Index.UNKNOWN) {
            return written(R13, i);
        }
        return "a SHLX of other registers";
    }

    /** MOVZX of r14: then it is an index into a table. */
    private boolean index(Reader i) {
        if (!i.is(1, 0xB7) || i.reg != R14 || i.wide()) {
            return false;
        }
        if (i.rm == R14 && facts.r14 == Index.PAGE) {
            facts.setR14(Index.PAGE_INDEX);
            return true;
        }
        if (i.rm == R13) {
            facts.setR14(Index.RIP_INDEX);
            return true;
        }
        return false;
    }

    private @Nullable String lea(Reader i) {
        if (!isFree(i.reg)) {
            return REGISTER;
        }
        boolean sum = i.reg == RCX && i.base == RCX && i.scale == 0 && i.displacement == 1;
        if (i.wide() && sum && i.index == R14) {
            boolean read = facts.rcx == Scratch.LAST_PAGE && facts.r14 == Index.READ_TAG;
            boolean write = facts.rcx == Scratch.LAST_PAGE && facts.r14 == Index.WRITE_TAG;
            if (!read && !write) {
                return "a sum that compares no tag";
            }
            facts.setRcx(read ? Scratch.READ_SUM : Scratch.WRITE_SUM, facts.size);
            return null;
        }
        if (i.base == Reader.RIP || i.base >= 0 && !isFree(i.base)) {
            return REGISTER;
        }
        if (i.index >= 0 && !isFree(i.index)) {
            return REGISTER;
        }
        if (i.reg == RCX && i.base == RCX && divisor(i)) {
            return null;
        }
        boolean last = i.reg == RCX && i.base == R13 && i.index < 0 && (i.displacement & ~15) == 0;
        if (i.wide() && last) {
            facts.setRcx(Scratch.LAST, i.displacement + 1);
        } else if (i.wide() && sum && i.index == R13 && facts.rcx == Scratch.JUMP_TAG) {
            facts.setRcx(Scratch.JUMP_SUM, 0);
        } else {
            if (facts.isSecret() && (i.base == RCX || i.index == RCX)) {
                return "an address of the host in a register of the guest";
            }
            facts.written(i.reg);
        }
        return null;
    }

    /** What is looked at before a division with signs. */
    private boolean divisor(Reader i) {
        int bytes = i.wide() ? 8 : 4;
        boolean same = facts.size == bytes;
        boolean alone = i.index < 0;
        if (i.index == RDX && i.scale == 0 && i.displacement == 0 && same) {
            if (facts.rcx != Scratch.SIGN) {
                return false;
            }
            facts.setRcx(Scratch.SIGN_SUM, bytes);
        } else if (alone && i.displacement == 1 && !facts.isSecret()) {
            facts.setRcx(Scratch.PLUS_ONE, bytes);
        } else if (alone && i.displacement == -1 && same && facts.rcx == Scratch.PLUS_ONE) {
            boolean known = facts.isNotZero(bytes);
            facts.setRcx(known ? Scratch.NOT_MINUS_ONE : Scratch.UNKNOWN, bytes);
        } else {
            return false;
        }
        if (!i.wide()) {
            facts.setNarrow();
        }
        return true;
    }

    // ---- memory

    private @Nullable String memory(Reader i, Tables t) {
        if (i.has(Opcodes.REGISTER_ONLY)) {
            return "a memory operand";
        }
        if (i.base == R15 && i.index == Reader.NONE) {
            return slot(i);
        }
        if (i.base == R15 && i.index == R14 && i.scale == 3) {
            return table(i, t);
        }
        if (i.base == R14 && i.index == R13 && i.scale == 0 && i.displacement == 0) {
            return guest(i);
        }
        if (i.base == RCX && i.index == Reader.NONE && i.displacement == 0) {
            return poll(i);
        }
        return "memory that is neither the state block's nor the guest's";
    }

    private @Nullable String poll(Reader i) {
        if (!i.is(0, LOAD) || i.reg != RCX || i.wide() || facts.rcx != Scratch.NOTICE) {
            return "[rcx] that is not polled";
        }
        facts.written(RCX);
        return null;
    }

    private @Nullable String table(Reader i, Tables t) {
        int at = i.displacement;
        if (i.is(0, 0xFF) && i.has(Opcodes.JUMP)) {
            return at == t.jumpTargets() && facts.mayJumpByTable()
                    ? null
                    : "a jump by a table without a comparison of its tag";
        }
        if (!i.is(0, LOAD) || !i.wide()) {
            return "a table that is not read";
        }
        if (i.reg == R14 && facts.r14 == Index.PAGE_INDEX) {
            Index to =
                    at == t.readTags()
                            ? Index.READ_TAG
                            : at == t.writeTags()
                                    ? Index.WRITE_TAG
                                    : at == t.addends() ? Index.ADDEND : Index.UNKNOWN;
            facts.setR14(to);
            return to == Index.UNKNOWN ? "no table of this class" : null;
        }
        if (i.reg == RCX && facts.r14 == Index.RIP_INDEX && at == t.jumpTags()) {
            facts.setRcx(Scratch.JUMP_TAG, 0);
            return null;
        }
        return "a table with an index that is not its own";
    }

    /** [r15 + displacement]. */
    private @Nullable String slot(Reader i) {
        Slot s = layout.at(i.displacement);
        boolean allowed =
                switch (s) {
                    case NONE -> false;
                    case REGISTER ->
                            i.is(0, LOAD) && isFree(i.reg)
                                    || i.is(0, STORE) && i.wide() && isFree(i.reg) && !secret(i.reg)
                                    || worksOnIt(i);
                    case CONSTANT -> i.is(0, LOAD) && i.wide() && isFree(i.reg);
                    case STEP -> isAddition(i);
                    case VECTOR -> (i.is(1, 0x10) || i.is(1, 0x11)) && i.reg < VECTORS;
                    case VECTOR_WRITTEN -> i.is(0, SET_BYTE) && i.immediate == 1;
                    case NOTICE, CLI_REFUSED -> i.is(0, LOAD) && i.wide() && i.reg == RCX;
                    case INTERRUPT_FLAG ->
                            i.is(0, LOAD) && i.wide() && isFree(i.reg)
                                    || i.is(0, SET)
                                            && i.wide()
                                            && i.immediate == 0
                                            && facts.mayClearInterruptFlag();
                };
        if (!allowed) {
            return "an access to slot %d of kind %s".formatted(i.displacement, s);
        }
        if (i.is(0, LOAD)) {
            written(i.reg, i);
        }
        if (s == Slot.NOTICE || s == Slot.CLI_REFUSED) {
            facts.setRcx(s == Slot.NOTICE ? Scratch.NOTICE : Scratch.CLI_REFUSED, 0);
        }
        return null;
    }

    /** An instruction on at most eight bytes, as on a register. */
    private boolean worksOnIt(Reader i) {
        boolean other =
                i.lock || i.has(Opcodes.ATOMIC | Opcodes.VECTOR | Opcodes.DIVIDE | Opcodes.JUMP);
        return !other && i.size() > 0 && i.size() <= 8 && general(i) == null;
    }

    private static boolean isAddition(Reader i) {
        return i.map == 1 && i.opcode == 0xD4 && i.prefix == 1 && i.reg == COUNTER;
    }

    /** [r14 + r13]. */
    private @Nullable String guest(Reader i) {
        int size = i.size();
        if (!facts.located()) {
            return "an access that no probe allowed";
        }
        if (i.has(Opcodes.JUMP)) {
            return "a jump to where the guest says";
        }
        if (i.has(Opcodes.READ) && !facts.mayRead(size)) {
            return "a read of %d bytes that no probe allowed".formatted(size);
        }
        if (i.has(Opcodes.WRITE) && !facts.mayWrite(size)) {
            return "a write of %d bytes that no probe allowed".formatted(size);
        }
        if (i.has(Opcodes.PAIR) && (!i.wide() || secret(RCX))) {
            return "a CMPXCHG8B, or one that stores an address of the host";
        }
        boolean atomic = i.lock || i.has(Opcodes.ATOMIC);
        if ((atomic || size == 16 && !i.has(Opcodes.UNALIGNED)) && !facts.isAligned(size)) {
            return "an access whose alignment was not looked at";
        }
        return general(i);
    }

    // ---- registers

    /** MOVZX ecx, ah: of the registers that no REX prefix may precede only this. */
    private boolean highByte(Reader i) {
        if (!i.is(1, 0xB6) || i.rex != 0 || i.reg != RCX || i.rm != 4) {
            return false;
        }
        facts.written(RCX);
        return true;
    }

    /** What is nothing special: its registers, and what it writes. */
    private @Nullable String general(Reader i) {
        boolean move = i.is(0, LOAD) || i.is(0, STORE) || i.is(0, SET) || i.has(Opcodes.IMM_V);
        if (!move && !i.has(Opcodes.DIVIDE)) {
            facts.forgetSign(); // some change rax and do not name it
        }
        if (i.has(Opcodes.IN_OPCODE)) {
            return inOpcode(i);
        }
        if (!i.has(Opcodes.MODRM)) {
            if (i.has(Opcodes.WRITES_RDX)) {
                facts.written(RDX);
            }
            return null;
        }
        boolean hasRm = !i.memory && i.size() > 0;
        if (!i.has(Opcodes.DIGIT) && !mayUse(i, i.reg, Opcodes.REG_XMM, i.has(Opcodes.REG_BYTE))
                || hasRm && !mayUse(i, i.rm, Opcodes.RM_XMM, i.size() == 1)) {
            return REGISTER;
        }
        if (i.has(Opcodes.DIVIDE)
                && !(i.rm == RCX
                        && i.size() >= 4
                        && facts.mayDivide(i.size(), i.has(Opcodes.SIGNED)))) {
            return "a division that may fault";
        }
        if (isMove(i) && i.rm == RCX && i.reg == RDX) {
            facts.setRcx(Scratch.COPY_OF_RDX, i.size());
            if (!i.wide()) {
                facts.setNarrow();
            }
            return null;
        }
        if (i.has(Opcodes.REG_WRITE)) {
            written(i.reg, i);
        }
        if (hasRm && i.has(Opcodes.WRITE) && !i.has(Opcodes.RM_XMM)) {
            written(i.rm, i);
        }
        if (i.has(Opcodes.WRITES_RDX)) {
            facts.written(RDX);
        }
        return null;
    }

    private static boolean isMove(Reader i) {
        return i.is(0, STORE) && !i.memory;
    }

    private @Nullable String inOpcode(Reader i) {
        int r = i.opcode & 7 | (i.rex & 1) << 3;
        boolean constant = i.has(Opcodes.IMM_V) && i.prefix == 0;
        if (constant && r == R14) { // a count of shifts
            facts.written(R14);
            facts.setNumberInR14(i.immediate >>> 31 == 0 ? (int) i.immediate : -1);
            return null;
        }
        if (!mayUse(i, r, 0, i.size() == 1)) {
            return REGISTER;
        }
        facts.written(r);
        if (constant && r == RCX && !i.wide() && i.immediate < 64) {
            facts.setRcx(Scratch.NUMBER, (int) i.immediate);
        }
        return null;
    }

    private boolean mayUse(Reader i, int register, int xmm, boolean byteSized) {
        if (i.has(xmm)) {
            return register < VECTORS;
        }
        boolean high = byteSized && i.rex == 0 && register >= 4;
        return !high && isFree(register) && !secret(register);
    }

    private boolean secret(int register) {
        return register == RCX && facts.isSecret();
    }

    /** Neither the host's stack nor what finds memory. */
    private static boolean isFree(int register) {
        return register != RSP && register != R14 && register != R15;
    }

    /** Always null. */
    private @Nullable String written(int register, Reader by) {
        facts.written(register);
        boolean move = by.is(0, LOAD) || by.is(0, STORE);
        if (register == RCX && by.vex == 0 && move && !by.wide()) {
            facts.setNarrow();
        }
        return null;
    }
}
