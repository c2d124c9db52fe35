// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Hva;
import dev.faultline.api.address.Page;
import dev.faultline.cpu.x86.block.Block;
import org.jspecify.annotations.Nullable;

/** Generated code for one block, as it stands at one linear address for one {@link CodeClass}. */
final class Translation {
    final Block block;

    /** Linear address of its page. */
    final @Gva long base;

    /** See {@link CodeClass}. */
    final int codeClass;

    /** Of the code memory, when this was made: older ones are gone. */
    final int generation;

    /** Number of instructions. */
    final int count;

    /** Bytes from the beginning to each instruction's code, behind what counts. */
    private final char[] entries;

    /** Bit i: instruction i is the last one that is counted together: a branch, or the last. */
    long segments;

    /** Bit i: instruction i is left to the interpreter. */
    long left;

    /** Bit i: instruction i may change XMM registers or MXCSR. */
    long vectors;

    /** hva of the beginning. */
    @Hva long entry;

    /** Of the same block, for another address or class. */
    @Nullable Translation next;

    Translation(Block block, @Gva long base, int codeClass, int generation, int count) {
        this.block = block;
        this.base = base;
        this.codeClass = codeClass;
        this.generation = generation;
        this.count = count;
        entries = new char[count];
    }

    /** Whether its one instruction ends in the next page. */
    boolean crosses() {
        return block.end > Page.SIZE;
    }

    /** Instruction {@code i} begins so many bytes behind the beginning, 0 .. 65535. */
    void enterAt(int i, int offset) {
        entries[i] = (char) offset;
    }

    /** hva of the code of instruction {@code i}, behind what counts. */
    @Hva
    long entry(int i) {
        return entry + entries[i];
    }

    /**
     * How many instructions of the block are counted when instruction {@code i} begins: those up to
     * the next branch.
     */
    int countedTo(int i) {
        return i + 1 + Long.numberOfTrailingZeros(segments >>> i);
    }

    boolean mayChangeVectors(int i) {
        return (vectors >>> i & 1) != 0;
    }

    boolean isLeft(int i) {
        return (left >>> i & 1) != 0;
    }
}
