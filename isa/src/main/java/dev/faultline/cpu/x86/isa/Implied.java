// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

/** What instructions use without an operand that says so. The first eight are general registers. */
public enum Implied {
    AX,
    CX,
    DX,
    BX,
    SP,
    BP,
    SI,
    DI,
    XMM0,
    /** All XMM registers. */
    XMM,
    /** The x87's registers, which are the MMX registers, and its control, status and tag words. */
    ST,
    MXCSR,
    /** Memory at the stack pointer. */
    STACK,
    /** Memory at an address that a register holds. */
    MEMORY,
    /** All else: control and segment registers, MSRs, descriptors, ports, the time. */
    SYSTEM
}
