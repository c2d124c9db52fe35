// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

/** Guest RAM as a loader sees it, while no vCPU runs. */
public interface GuestRam {
    /**
     * First gpa of the hole for devices below 4 GiB; RAM beyond it continues at {@link #HIGH_GPA}.
     */
    long HOLE_GPA = 3L << 30;

    long HIGH_GPA = 4L << 30;

    /** Width of guest-physical addresses: enough for 1 TiB of RAM beyond the hole. */
    int PHYSICAL_ADDRESS_BITS = 46;

    /** Bytes of RAM in all. */
    long size();

    /** Copies bytes in. The range must lie in RAM, see {@link #contains}. */
    void write(long gpa, byte[] from, int at, int bytes);

    /** Makes the bytes zero. The range must lie in RAM. */
    void clear(long gpa, long bytes);

    /** First gpa after the RAM below the hole. */
    default long lowEnd() {
        return Math.min(size(), HOLE_GPA);
    }

    /** First gpa after all RAM. */
    default long end() {
        return size() > HOLE_GPA ? HIGH_GPA + (size() - HOLE_GPA) : size();
    }

    /** True if all of [gpa, gpa+bytes) is RAM. */
    default boolean contains(long gpa, long bytes) {
        if (gpa < 0 || bytes < 0 || gpa + bytes < 0) {
            return false;
        }
        return gpa + bytes <= lowEnd() || gpa >= HIGH_GPA && gpa + bytes <= end();
    }
}
