// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

/**
 * How a translator to x86-64 itself may emit an instruction of 64-bit mode, once its memory operand
 * is a host address and its registers are mapped.
 */
public enum Recode {
    /** As it is: it cannot fault but at its memory operand, and uses what its row says. */
    SAME,
    /** As it is, after a check that it will not raise an exception: DIV, unmasked MXCSR. */
    GUARD,
    /** By a form of its own: transfers, stack accesses, addresses that are values, LOCK. */
    SPECIAL,
    /** Not at all: Java executes it. */
    JAVA
}
