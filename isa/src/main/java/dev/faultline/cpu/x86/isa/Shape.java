// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What instructions do around their kernels: which operands are read and written, and how the
 * result is made of them. An instruction of a shape needs a row and, if its kernel is new, that.
 *
 * <p>All follow one order, so that an instruction that faults has changed nothing (SDM 3A,
 * "Restarting of Interrupted Instructions"): the memory operand is probed for all that will be done
 * to it, operands are read, the kernel computes, memory is written, registers and flags are
 * committed.
 */
public enum Shape {
    /** Arithmetic on two operands: ADD. */
    BINARY("rw r", "a = kernel(a, b)", true),
    /** The same, for the flags only: CMP. */
    COMPARE("r r", "kernel(a, b)", false),
    /** Arithmetic on one operand: NEG. */
    UNARY("rw", "a = kernel(a)", true),
    /** A copy: MOV, MOVZX. */
    MOVE("w r", "a = b", false),
    /** A copy that repeats the sign: MOVSX. */
    MOVE_SIGNED("w r", "a = signed(b)", false),
    /** A copy that the kernel changes: MOVBE. */
    CONVERT("w r", "a = kernel(b)", false),
    /** A shift or rotate by an immediate, 1 or CL, masked; by 0 no flag changes. */
    SHIFT("rw r", "a = kernel(a, b)", false),
    /** The same, with bits that come from a second operand: SHLD. */
    SHIFT_DOUBLE("rw r r", "a = kernel(a, b, c)", false),
    /** Arithmetic on two sources: IMUL r, r/m, imm. */
    COMBINE("w r r", "a = kernel(b, c)", false),
    /** SETcc. */
    SET("w", "a = condition ? 1 : 0", false),
    /** CMOVcc: the source is read whether it is needed or not. */
    MOVE_IF("rw r", "a = condition ? b : a", false),
    /** Jcc. */
    JUMP_IF("r", "if (condition) jump(a)", false),

    // From here on of XMM or MMX registers. That CR0 and CR4 allow them, and for MMX that no x87
    // exception is pending, is looked at first of all.

    /** Each quadword on its own: PADDB. */
    LANES("rw r", "for each quadword: a = kernel(a, b)"),
    /** Each quadword, with the same count: PSLLW. */
    LANES_BY("rw r", "for each quadword: a = kernel(a, low quadword of b)"),
    /** Two registers as a whole: PACKSSWB. */
    VECTOR("rw r", "a = kernel(a, b)"),
    /** The same, with an immediate: PALIGNR. */
    VECTOR_BY("rw r r", "a = kernel(a, b, c)"),
    /** One register becomes another: PMOVZXBW. */
    VECTOR_FROM("w r", "a = kernel(b)"),
    /** The same, with an immediate: PSHUFD. */
    SHUFFLE("w r r", "a = kernel(b, c)"),
    /** What two registers say to the flags: PTEST. */
    VECTOR_COMPARE("r r", "flags = kernel(a, b)"),
    /** 16 bytes, of which memory must be aligned: MOVAPS. */
    MOVE_ALIGNED("w r", "a = b"),
    /** 16 bytes, wherever they are: MOVUPS. */
    MOVE_UNALIGNED("w r", "a = b"),
    /** Arithmetic on the lowest binary32: ADDSS. May raise #XM, as all that follow. */
    SCALAR_SINGLE("rw r", "lowest doubleword: a = kernel(a, b)"),
    /** Arithmetic on the lowest binary64: ADDSD. */
    SCALAR_DOUBLE("rw r", "low quadword: a = kernel(a, b)"),
    /** Arithmetic on four binary32: ADDPS. */
    PACKED_SINGLE("rw r", "for each doubleword: a = kernel(a, b)"),
    /** Arithmetic on two binary64: ADDPD. */
    PACKED_DOUBLE("rw r", "for each quadword: a = kernel(a, b)"),
    /**
     * As {@link #SCALAR_SINGLE}, and so on, with an operation that the immediate chooses: CMPSS.
     */
    SCALAR_SINGLE_BY("rw r r", "lowest doubleword: a = kernel(c)(a, b)"),
    SCALAR_DOUBLE_BY("rw r r", "low quadword: a = kernel(c)(a, b)"),
    PACKED_SINGLE_BY("rw r r", "for each doubleword: a = kernel(c)(a, b)"),
    PACKED_DOUBLE_BY("rw r r", "for each quadword: a = kernel(c)(a, b)"),
    /** Arithmetic across elements: ADDSUBPS. */
    FLOAT_VECTOR("rw r", "a = kernel(a, b)");

    /** For each operand: r, w or rw. */
    public final List<String> roles;

    /** How the operands a and b become the result. */
    public final String meaning;

    /** Whether there are forms with LOCK, where the table allows it. */
    public final boolean lockable;

    /** Of XMM or MMX registers. */
    public final boolean vector;

    /** Arithmetic under MXCSR, which may raise #XM. */
    public final boolean floating;

    /** Of its instructions. */
    public final Recode recode;

    private static final String FLOATING = "(SCALAR|PACKED)_.*|FLOAT_VECTOR";

    /** Of general registers. */
    Shape(String roles, String meaning, boolean lockable) {
        this(roles, meaning, lockable, false);
    }

    Shape(String roles, String meaning) {
        this(roles, meaning, false, true);
    }

    Shape(String roles, String meaning, boolean lockable, boolean vector) {
        this.roles = List.of(roles.split(" "));
        this.meaning = meaning;
        this.lockable = lockable;
        this.vector = vector;
        recode =
                switch (name()) {
                    case "JUMP_IF" -> Recode.SPECIAL;
                    default -> name().matches(FLOATING) ? Recode.GUARD : Recode.SAME;
                };
        floating = name().matches(FLOATING);
    }

    /** By its name in the table, in lower case with hyphens; null if there is none. */
    static @Nullable Shape of(String name) {
        for (Shape s : values()) {
            if (s.tableName().equals(name)) {
                return s;
            }
        }
        return null;
    }

    /** As the table has it. */
    public String tableName() {
        return name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
    }
}
