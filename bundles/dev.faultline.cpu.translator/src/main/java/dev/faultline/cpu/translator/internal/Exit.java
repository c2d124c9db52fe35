// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

/**
 * A way out of generated code.
 *
 * @param of the translation that is left
 * @param index of the instruction in its block: that the interpreter is to execute ({@link
 *     Kind#INSTRUCTION}, {@link Kind#MISS}); else of the one that is over
 * @param value rip to go on at, of {@link Kind#LINK} and {@link Kind#POLL}
 * @param patch hva where the displacement of the jump ends that led here, of {@link Kind#LINK}
 */
record Exit(Kind kind, Translation of, int index, long value, long patch) {
    /** Why. */
    enum Kind {
        /** The interpreter executes the instruction. */
        INSTRUCTION,
        /** The same, because its access has no translation at hand; the slot LIN tells where. */
        MISS,
        /** A jump inside the page, which can be made to go to what is there. */
        LINK,
        /** A jump whose target is in the slot LIN. */
        INDIRECT,
        /** The vCPU was asked for something, at a backward jump. */
        POLL,
        /** The same, at a jump whose target is in the slot LIN. */
        POLL_INDIRECT
    }
}
