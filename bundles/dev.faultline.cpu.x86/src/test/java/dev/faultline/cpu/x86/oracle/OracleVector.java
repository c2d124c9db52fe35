// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.oracle;

import java.nio.ByteBuffer;

/** One instruction: state before, bytes, state after. Reused. */
final class OracleVector {
    /** {@link #exception}: none. */
    static final int NONE = 0xFF;

    int id;
    final byte[] code = new byte[16];

    /** Bytes executed if the next instruction follows, else 0. */
    int length;

    int exception;

    /** Opcode map: 0 one-byte, 1 0F, 2 0F38, 3 0F3A, 4.. VEX and EVEX. */
    int map;

    int errorCode;
    long cr2;
    final long[] gprIn = new long[16];
    final long[] gprOut = new long[16];
    long flagsIn;
    long flagsOut;
    long fsIn;
    long gsIn;
    long fsOut;
    long gsOut;
    long ripOut;

    /** RFLAGS bits that the SDM leaves undefined for this instruction. */
    int undefinedFlags;

    final FpState in = new FpState();
    final FpState out = new FpState();

    int pieces;
    final int[] pieceLin = new int[64];
    final byte[][] pieceBytes = new byte[64][];

    /** The list of changed memory is not complete. */
    boolean memoryCut;

    /** x87 and SSE registers. */
    static final class FpState {
        /** Low and high of XMM0-15. */
        final long[] xmm = new long[32];

        int fcw;
        int fsw;

        /** Abridged: bit i set if physical register i is not empty. */
        int tags;

        int mxcsr;

        /** ST(i): significand, sign and exponent. */
        final long[] significand = new long[8];

        final int[] exponent = new int[8];

        void copy(FpState s) {
            System.arraycopy(s.xmm, 0, xmm, 0, 32);
            fcw = s.fcw;
            fsw = s.fsw;
            tags = s.tags;
            mxcsr = s.mxcsr;
            System.arraycopy(s.significand, 0, significand, 0, 8);
            System.arraycopy(s.exponent, 0, exponent, 0, 8);
        }

        /** From struct vstate: z[32][64], k[8], fcw, fsw, ftw, mxcsr, st[8][16]. */
        void load(ByteBuffer s) {
            for (int i = 0; i < 16; i++) {
                xmm[2 * i] = s.getLong(64 * i);
                xmm[2 * i + 1] = s.getLong(64 * i + 8);
            }
            int at = 32 * 64 + 64;
            fcw = s.getShort(at) & 0xFFFF;
            fsw = s.getShort(at + 2) & 0xFFFF;
            tags = s.get(at + 4) & 0xFF;
            mxcsr = s.getInt(at + 8);
            for (int i = 0; i < 8; i++) {
                significand[i] = s.getLong(at + 16 + 16 * i);
                exponent[i] = s.getShort(at + 24 + 16 * i) & 0xFFFF;
            }
        }
    }

    void read(ByteBuffer b, ByteBuffer[] states) {
        id = b.getInt();
        b.get(code);
        b.get();
        length = b.get() & 0xFF;
        exception = b.get() & 0xFF;
        map = b.get() & 0xFF;
        errorCode = b.getInt();
        cr2 = b.getLong();
        for (int i = 0; i < 16; i++) {
            gprIn[i] = b.getLong();
        }
        flagsIn = b.getLong();
        fsIn = b.getLong();
        gsIn = b.getLong();
        in.load(states[b.getShort()]);
        undefinedFlags = b.getInt();
        ripOut = b.getLong();
        flagsOut = b.getLong();
        int changed = b.getShort();
        for (int i = 0; i < 16; i++) {
            gprOut[i] = (changed >> i & 1) != 0 ? b.getLong() : gprIn[i];
        }
        int bases = b.get();
        fsOut = (bases & 1) != 0 ? b.getLong() : fsIn;
        gsOut = (bases & 2) != 0 ? b.getLong() : gsIn;
        readFp(b);
        int n = b.get() & 0xFF;
        memoryCut = (n & 0x80) != 0;
        pieces = n & 0x7F;
        for (int i = 0; i < pieces; i++) {
            pieceLin[i] = b.getInt();
            byte[] bytes = new byte[b.get() & 0xFF];
            b.get(bytes);
            pieceBytes[i] = bytes;
        }
    }

    private void readFp(ByteBuffer b) {
        out.copy(in);
        int changed = b.getInt();
        for (int i = 0; i < 32; i++) {
            if ((changed >> i & 1) != 0) {
                if (i < 16) {
                    out.xmm[2 * i] = b.getLong(b.position());
                    out.xmm[2 * i + 1] = b.getLong(b.position() + 8);
                }
                b.position(b.position() + 64);
            }
        }
        int masks = b.get();
        b.position(b.position() + 8 * Integer.bitCount(masks & 0xFF));
        int fp = b.get();
        if ((fp & 1) != 0) {
            out.fcw = b.getShort() & 0xFFFF;
            out.fsw = b.getShort() & 0xFFFF;
            out.tags = b.get() & 0xFF;
            b.position(b.position() + 18);
            for (int i = 0; i < 8; i++) {
                out.significand[i] = b.getLong();
                out.exponent[i] = b.getShort() & 0xFFFF;
            }
        }
        if ((fp & 2) != 0) {
            out.mxcsr = b.getInt();
        }
    }
}
