// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.address;

/**
 * The unit of protection, of slots and of snapshots: 4096 bytes, the smallest page of x86. All
 * methods work in whatever space the address is in, unless a name says which.
 */
public final class Page {
    /** Bytes. */
    public static final int SIZE = 4096;

    /** {@link #SIZE} is 2 to this power. */
    public static final int SHIFT = 12;

    /** The bits of an address that count bytes inside the page. */
    public static final int OFFSET_MASK = SIZE - 1;

    /** The other bits of an address. */
    public static final long MASK = -SIZE;

    private Page() {}

    /** Number of the page that holds the byte. */
    public static @Gfn long gfn(@Gpa long gpa) {
        return gpa >>> SHIFT;
    }

    /** First byte of the page. */
    public static @Gpa long gpa(@Gfn long gfn) {
        return gfn << SHIFT;
    }

    /** The byte's place in its page, 0..4095. */
    public static int offset(long address) {
        return (int) address & OFFSET_MASK;
    }

    public static boolean isAligned(long address) {
        return (address & OFFSET_MASK) == 0;
    }
}
