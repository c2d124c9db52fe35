// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.apic;

/**
 * Sets of interrupt vectors as the IRR, ISR and TMR of a local APIC are: 256 bits, in four words
 * that the APIC owns. Without state; the words' owner has their lock.
 */
final class Vectors {
    private Vectors() {}

    static long[] none() {
        return new long[4];
    }

    /** The highest vector in it; -1 if there is none. */
    static int highest(long[] bits) {
        for (int i = 3; i >= 0; i--) {
            if (bits[i] != 0) {
                return i * 64 + 63 - Long.numberOfLeadingZeros(bits[i]);
            }
        }
        return -1;
    }

    static boolean test(long[] bits, int vector) {
        return (bits[vector >> 6] >>> vector & 1) != 0;
    }

    static void set(long[] bits, int vector, boolean on) {
        if (on) {
            bits[vector >> 6] |= 1L << vector;
        } else {
            bits[vector >> 6] &= ~(1L << vector);
        }
    }

    /** One of the eight 32-bit registers that show it. */
    static int register(long[] bits, int index) {
        return (int) (bits[index >> 1] >>> 32 * (index & 1));
    }
}
