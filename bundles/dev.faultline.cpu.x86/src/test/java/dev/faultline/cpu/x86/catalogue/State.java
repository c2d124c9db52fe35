// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.catalogue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What a vector may read or change, in user mode and 64-bit code: one block of bytes, laid out as
 * {@code struct state} of bench/catalogue.c, so that the host's processor can be given it as it is.
 * The numbers here are offsets.
 */
final class State {
    static final int GPR = 0;
    static final int FLAGS = 128;
    static final int RIP = 136;
    static final int FS_BASE = 144;
    static final int GS_BASE = 152;

    /** Selectors, two bytes each: ES, DS, FS, GS. */
    static final int SELECTORS = 160;

    static final int FCW = 168;
    static final int FSW = 170;

    /** Abridged, as FXSAVE has it: bit i set if physical register i is not empty. */
    static final int TAGS = 172;

    static final int MXCSR = 176;

    /** Vector of the exception, or {@link #NONE}. */
    static final int EXCEPTION = 180;

    static final int ERROR_CODE = 184;
    static final int CODE = 192;
    static final int CODE_BYTES = 16;

    /** ST(i) at {@code ST + 16 * i}: significand, sign and exponent. */
    static final int ST = 208;

    static final int XMM = 336;
    static final int DATA = 592;
    static final int STACK = DATA + 0x1000;
    static final int SIZE = STACK + 0x1000;

    static final int NONE = -1;

    // Addresses of the code, and of the two pages that instructions may read and write.
    static final long CODE_PAGE = 0x1000_0000L;
    static final long START = CODE_PAGE + 0x800;
    static final long DATA_PAGE = 0x2000_0000L;
    static final long STACK_PAGE = 0x3000_0000L;

    private final ByteBuffer bytes = ByteBuffer.allocate(SIZE).order(ByteOrder.LITTLE_ENDIAN);

    /** What holds where a vector says nothing else. */
    State() {
        putLong(GPR + 8 * 4, STACK_PAGE + 0x800);
        putLong(FLAGS, 0x202);
        putLong(RIP, START);
        putShort(FCW, 0x37F);
        putInt(MXCSR, 0x1F80);
        putInt(EXCEPTION, NONE);
    }

    State copy() {
        State s = new State();
        s.putBytes(0, bytes(0, SIZE));
        return s;
    }

    /** Offset of {@code n} bytes of memory. */
    static int memory(long address, int n) {
        long inData = address - DATA_PAGE;
        long inStack = address - STACK_PAGE;
        if (inData >= 0 && inData + n <= 0x1000) {
            return DATA + (int) inData;
        }
        if (inStack >= 0 && inStack + n <= 0x1000) {
            return STACK + (int) inStack;
        }
        throw new IllegalArgumentException(
                "%X: vectors have memory at %X and at %X, 4096 bytes each"
                        .formatted(address, DATA_PAGE, STACK_PAGE));
    }

    /** The reverse of {@link #memory}. */
    static long address(int offset) {
        return offset >= STACK ? STACK_PAGE + offset - STACK : DATA_PAGE + offset - DATA;
    }

    int top() {
        return shortAt(FSW) >> 11 & 7;
    }

    boolean empty(int st) {
        return (shortAt(TAGS) >> (top() + st & 7) & 1) == 0;
    }

    void setEmpty(int st, boolean empty) {
        int bit = 1 << (top() + st & 7);
        putShort(TAGS, empty ? shortAt(TAGS) & ~bit : shortAt(TAGS) | bit);
    }

    boolean raised() {
        return intAt(EXCEPTION) != NONE;
    }

    long longAt(int offset) {
        return bytes.getLong(offset);
    }

    int intAt(int offset) {
        return bytes.getInt(offset);
    }

    int shortAt(int offset) {
        return bytes.getShort(offset) & 0xFFFF;
    }

    byte[] bytes(int offset, int n) {
        byte[] b = new byte[n];
        bytes.get(offset, b);
        return b;
    }

    void putLong(int offset, long x) {
        bytes.putLong(offset, x);
    }

    void putInt(int offset, int x) {
        bytes.putInt(offset, x);
    }

    void putShort(int offset, int x) {
        bytes.putShort(offset, (short) x);
    }

    void putBytes(int offset, byte[] b) {
        bytes.put(offset, b);
    }
}
