// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

/** Low RAM in an array; what lies above 4 GiB is only counted. */
final class ArrayRam implements GuestRam {
    private final byte[] bytes;
    private final long size;

    ArrayRam(long size) {
        this.size = size;
        bytes = new byte[(int) Math.min(size, 64 << 20)];
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public void write(long gpa, byte[] from, int at, int n) {
        System.arraycopy(from, at, bytes, (int) gpa, n);
    }

    @Override
    public void clear(long gpa, long n) {
        java.util.Arrays.fill(bytes, (int) gpa, (int) (gpa + n), (byte) 0);
    }

    int i32(long gpa) {
        return Bytes.i32(bytes, (int) gpa);
    }

    long i64(long gpa) {
        return Bytes.i64(bytes, (int) gpa);
    }

    int u8(long gpa) {
        return bytes[(int) gpa] & 0xFF;
    }

    String string(long gpa) {
        int end = (int) gpa;
        while (bytes[end] != 0) {
            end++;
        }
        return new String(
                bytes, (int) gpa, end - (int) gpa, java.nio.charset.StandardCharsets.UTF_8);
    }

    /** Sum of bytes modulo 256. */
    int sum(long gpa, int n) {
        int sum = 0;
        for (int i = 0; i < n; i++) {
            sum += bytes[(int) gpa + i];
        }
        return sum & 0xFF;
    }
}
