// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.verify;

import dev.faultline.api.address.Hva;
import java.util.Arrays;

/** Where things are that generated code may use, as offsets from r15. Immutable. */
public final class Layout {
    /** What may be done with a slot. */
    public enum Slot {
        /** Nothing. */
        NONE,
        /** Eight bytes of the guest's, read and written. */
        REGISTER,
        /** Eight bytes that are read only. */
        CONSTANT,
        /** Sixteen bytes that are added to xmm15. */
        STEP,
        /** Sixteen bytes of the guest's, read and written. */
        VECTOR,
        /** A byte that is set to 1. */
        VECTOR_WRITTEN,
        /** Pointer to the word that says whether the vCPU is asked for something. */
        NOTICE,
        /** Eight bytes, read, and set to 0 if the guest may. */
        INTERRUPT_FLAG,
        /** Eight bytes, read: 0 if the guest may. */
        CLI_REFUSED
    }

    /**
     * Tables of 65536 quadwords for code of one class.
     *
     * @param vectors whether it may use XMM registers
     * @param jumpExitHva the way out of jumps by a table
     */
    public record Tables(
            int readTags,
            int writeTags,
            int addends,
            int jumpTags,
            int jumpTargets,
            boolean vectors,
            @Hva long jumpExitHva) {}

    /**
     * Slots that only string operations use: 0 if they may go upward, the host address of their
     * source, and what the guest has in rsi meanwhile. Far enough for four bytes of displacement.
     */
    public record Strings(int direction, int source, int saved) {}

    private final Slot[] slots;
    private final int first;
    private final Tables[] tables;
    private final Strings strings;
    final @Hva long exitHva;
    final int largest;

    /**
     * @param first offset of the first slot
     * @param slots what is at each byte from there; where a slot begins its kind, else {@link
     *     Slot#NONE}
     * @param tables of each class of code
     * @param strings see there; other instructions may not use them
     * @param exitHva the common way out
     * @param largest bytes of one translation, at most
     */
    public Layout(
            int first,
            Slot[] slots,
            Tables[] tables,
            Strings strings,
            @Hva long exitHva,
            int largest) {
        this.strings = strings;
        this.first = first;
        this.slots = slots.clone();
        this.tables = tables.clone();
        this.exitHva = exitHva;
        this.largest = largest;
    }

    /** An array for the constructor. */
    public static Slot[] none(int bytes) {
        Slot[] s = new Slot[bytes];
        Arrays.fill(s, Slot.NONE);
        return s;
    }

    StringOperations stringOperations() {
        return new StringOperations(tables, strings);
    }

    Slot at(int offset) {
        int i = offset - first;
        return i >= 0 && i < slots.length ? slots[i] : Slot.NONE;
    }

    /** Of code of class {@code codeClass}. */
    Tables tables(int codeClass) {
        return tables[codeClass];
    }
}
