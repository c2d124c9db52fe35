// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

/** What the table says of an instruction in one word. */
public enum Property {
    /** No other instruction follows it in a block: it goes elsewhere, or changes the modes. */
    ENDS,
    /** SDM 3A, "Serializing Instructions". */
    SERIALIZING,
    /** #UD in real mode and virtual-8086 mode. */
    PROTECTED,
    /** #GP(0) unless the privilege level is 0. */
    CPL0
}
