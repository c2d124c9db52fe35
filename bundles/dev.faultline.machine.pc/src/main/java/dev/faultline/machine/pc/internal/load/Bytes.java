// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Little-endian fields in a byte array. Indices must lie inside: the caller checks sizes first. */
final class Bytes {
    private Bytes() {}

    static ByteBuffer wrap(byte[] b) {
        return ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN);
    }

    static int u8(byte[] b, int at) {
        return b[at] & 0xFF;
    }

    static int u16(byte[] b, int at) {
        return wrap(b).getShort(at) & 0xFFFF;
    }

    static int i32(byte[] b, int at) {
        return wrap(b).getInt(at);
    }

    static long u32(byte[] b, int at) {
        return wrap(b).getInt(at) & 0xFFFF_FFFFL;
    }

    static long i64(byte[] b, int at) {
        return wrap(b).getLong(at);
    }
}
