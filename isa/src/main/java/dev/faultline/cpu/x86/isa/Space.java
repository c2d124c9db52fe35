// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

/** What stands before an opcode, and so which opcode maps it is looked up in. */
public enum Space {
    /** Prefixes of one byte each, REX among them. */
    LEGACY,
    /** SDM 2A, "Intel Advanced Vector Extensions": C4 or C5. */
    VEX,
    /** SDM 2A, "Intel AVX-512 Encoding": 62. */
    EVEX
}
