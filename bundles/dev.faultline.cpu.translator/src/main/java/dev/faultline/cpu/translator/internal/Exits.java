// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Hva;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The ways out of all translations of a vCPU, by number. There are more of them than of anything
 * else that a translation has, so none is an object: twelve bytes each. One thread.
 */
final class Exits {
    private static final Exit[] KINDS = Exit.values();
    private static final int KIND_BITS = 3;
    private static final int INDEX_BITS = 6;
    private static final int VALUE = KIND_BITS + INDEX_BITS;

    /** Largest value of one. */
    static final int LARGEST = (1 << 32 - VALUE - 1) - 1;

    private int[] what = new int[1024];
    private int[] patches = new int[1024];
    private @Nullable Translation[] of = new Translation[1024];
    private int size;

    int size() {
        return size;
    }

    /**
     * Packs what {@link #add} takes.
     *
     * @param index of the instruction in its block, 0 .. 63
     * @param value 0 .. {@link #LARGEST}; see {@link Exit}
     */
    static int pack(Exit kind, int index, int value) {
        if (index >>> INDEX_BITS != 0 || value < 0 || value > LARGEST) {
            throw new IllegalArgumentException(
                    "index %d, value %d: expected 0 .. 63 and 0 .. %d"
                            .formatted(index, value, LARGEST));
        }
        return kind.ordinal() | index << KIND_BITS | value << VALUE;
    }

    /**
     * Adds one.
     *
     * @param packed see {@link #pack}
     * @param patch bytes from the translation's beginning to where the displacement of the jump
     *     ends that leads here, of {@link Exit#LINK}
     * @return its number
     */
    int add(Translation t, int packed, int patch) {
        if (size == what.length) {
            what = Arrays.copyOf(what, 2 * size);
            patches = Arrays.copyOf(patches, 2 * size);
            of = Arrays.copyOf(of, 2 * size);
        }
        what[size] = packed;
        patches[size] = patch;
        of[size] = t;
        return size++;
    }

    /** Removes those from number {@code first} on. */
    void truncate(int first) {
        Arrays.fill(of, first, size, null);
        size = first;
    }

    Exit kind(int exit) {
        return kindOf(what[exit]);
    }

    static Exit kindOf(int packed) {
        return KINDS[packed & (1 << KIND_BITS) - 1];
    }

    /** The translation that is left. */
    Translation of(int exit) {
        Translation t = of[exit];
        if (t == null) {
            throw new IllegalArgumentException("no way out has number " + exit);
        }
        return t;
    }

    /** See {@link Exit}. */
    int index(int exit) {
        return what[exit] >>> KIND_BITS & (1 << INDEX_BITS) - 1;
    }

    /** See {@link Exit}. */
    int value(int exit) {
        return what[exit] >>> VALUE;
    }

    /** rip to go on at, of {@link Exit#LINK}, {@link Exit#POLL} and {@link Exit#GONE}. */
    @Gva
    long rip(int exit) {
        return of(exit).base + value(exit);
    }

    /** hva where the displacement of the jump ends that leads here, of {@link Exit#LINK}. */
    @Hva
    long patch(int exit) {
        return of(exit).entry + patches[exit];
    }
}
