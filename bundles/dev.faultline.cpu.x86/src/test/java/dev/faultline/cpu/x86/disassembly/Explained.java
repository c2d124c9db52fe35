// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import java.util.List;
import java.util.function.Predicate;

/** Where objdump and the processor differ, and our text says what the processor does. */
enum Explained {
    /** With 66 besides it calls MMX registers XMM; the processor ignores the 66. */
    MMX_REGISTERS(s -> s.matches(".*(movq2dq|movdq2q) .*")),

    /** It reads bits 0 and 1 of the immediate; the processor reads bits 0 and 4. */
    PCLMULQDQ_SELECTION(s -> s.matches(".*pclmul[lh]q[lh]qdq .*")),

    /** LOCK for CR8 is another vendor's; here it is #UD. */
    LOCK_CR8(s -> s.matches(".*mov .*cr(8|9|1[0-5]).*")),

    /** The opcode with REX.B is XCHG with R8. */
    PAUSE_WITH_REX(s -> s.matches(".*rex\\.\\w+ pause")),

    /** It takes FWAIT for a prefix, before which no REX stands. */
    FWAIT_WITH_REX(s -> s.matches("(.* )?rex(\\.\\w+)?")),

    /** F2 or F3 lets it write a 66 that it heeds all the same. */
    NOP_WITH_PREFIXES(s -> s.matches("(.* )?data(16|32) .*nop .*")),

    /**
     * Hints of later processors among the NOPs, with another address size than that of the mode.
     */
    LATER_HINTS(s -> s.matches(".*(prefetchit[01]|bndldx|bndstx) .*"));

    private final Predicate<String> by;

    Explained(Predicate<String> by) {
        this.by = by;
    }

    static boolean is(String objdump) {
        return List.of(values()).stream().anyMatch(e -> e.by.test(objdump));
    }
}
