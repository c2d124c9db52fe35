// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

/**
 * Why generated code is left. With each way out ({@link Exits}) goes an index: the instruction in
 * its block that the interpreter is to execute ({@link #INSTRUCTION}, {@link #MISS}), else the one
 * that is over.
 */
enum Exit {
    /** The interpreter executes the instruction. */
    INSTRUCTION,
    /** The same, because its access has no translation at hand; the slot LIN tells where. */
    MISS,
    /**
     * A jump inside the page, which can be made to go to what is there. Its value is the page
     * offset.
     */
    LINK,
    /**
     * A jump whose target is in the slot LIN. If that is not canonical, the interpreter is to
     * execute it after all, and its value is by how much the stack pointer is too high.
     */
    INDIRECT,
    /** The vCPU was asked for something, at a backward jump. Value as of {@link #LINK}. */
    POLL,
    /** The vCPU was asked for something, at a jump like {@link #INDIRECT}. */
    POLL_INDIRECT,
    /** The code that was translated here has changed. Value as of {@link #LINK}. */
    GONE
}
