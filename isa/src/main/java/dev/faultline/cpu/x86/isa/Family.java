// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

import java.util.Locale;

/** A file of the table, and the room of {@code insn} with the same name. */
public enum Family {
    INTEGER,
    STACK,
    BRANCH,
    STRING,
    BITS,
    SYSTEM,
    X87,
    MMX,
    SSE;

    /** In lower case: package, and file without {@code .tab}. */
    public String lowerCase() {
        return name().toLowerCase(Locale.ROOT);
    }
}
