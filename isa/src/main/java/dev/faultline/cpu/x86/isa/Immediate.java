// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

import org.jspecify.annotations.Nullable;

/** An operand that is bytes after ModR/M and displacement. */
public enum Immediate {
    /** Ib, Jb: a byte, sign-extended. */
    BYTE,
    /** Ib after another immediate (ENTER). */
    SECOND_BYTE,
    /** Iw. */
    WORD,
    /** Iz, Jz: a word or doubleword, sign-extended. */
    UP_TO_DOUBLEWORD,
    /** Iv: up to 8 bytes. */
    FULL,
    /** Ap: offset and selector. */
    FAR_POINTER,
    /** Ob, Ov: an address, of its size. */
    ADDRESS;

    /** What an operand code says; null if it is no immediate. */
    static @Nullable Immediate of(String operand) {
        return switch (operand) {
            case "Ib", "Jb" -> BYTE;
            case "Iw" -> WORD;
            case "Iz", "Jz" -> UP_TO_DOUBLEWORD;
            case "Iv" -> FULL;
            case "Ap" -> FAR_POINTER;
            case "Ob", "Ov" -> ADDRESS;
            default -> null;
        };
    }
}
