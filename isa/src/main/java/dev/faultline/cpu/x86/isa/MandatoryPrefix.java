// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

/**
 * The prefix that is part of an opcode. SDM 2A, "Instruction Prefixes"; in instructions F2 and F3
 * win over 66.
 */
public enum MandatoryPrefix {
    /** Of a row: whatever there is; of no instruction. */
    ANY(0),
    /** None of the others. */
    NP(0),
    P66(0x66),
    PF3(0xF3),
    PF2(0xF2);

    /** The byte, or 0. */
    public final int value;

    MandatoryPrefix(int value) {
        this.value = value;
    }

    /**
     * As which the prefixes of an instruction count.
     *
     * @param rep last of F2 and F3, or 0
     * @param p66 whether there is a 66
     */
    public static MandatoryPrefix of(int rep, boolean p66) {
        return rep == 0xF3 ? PF3 : rep == 0xF2 ? PF2 : p66 ? P66 : NP;
    }
}
