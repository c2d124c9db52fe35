// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.oracle;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.zip.GZIPInputStream;

/**
 * Reads a file of vectors as the native oracle writes them: header, 256 vector states, memory
 * images, vectors. May be gzipped.
 */
final class OracleFile implements AutoCloseable {
    static final int STATES = 256;
    static final int DATA_BYTES = 0x3000;
    static final int STACK_BYTES = 0x1000;

    final int mode;
    final long codeLin;
    final long dataLin;
    final long stackLin;
    final byte[] data = new byte[DATA_BYTES];
    final byte[] stack = new byte[STACK_BYTES];

    /** As struct vstate of the oracle. */
    final ByteBuffer[] states = new ByteBuffer[STATES];

    private final InputStream in;
    private final OracleVector vector = new OracleVector();
    private byte[] body = new byte[1 << 16];
    private int bodySize;

    /** As in the file. */
    final byte[] header;

    OracleFile(InputStream raw) throws IOException {
        BufferedInputStream b = new BufferedInputStream(raw, 1 << 16);
        b.mark(2);
        boolean zipped = b.read() == 0x1F && b.read() == 0x8B;
        b.reset();
        in = zipped ? new BufferedInputStream(new GZIPInputStream(b, 1 << 16), 1 << 16) : b;
        ByteBuffer h = bytes(56);
        header = h.array();
        byte[] magic = new byte[8];
        h.get(magic);
        if (!new String(magic, StandardCharsets.US_ASCII).equals("X86ORAC1")) {
            throw new IOException("not a file of oracle vectors: it does not begin with X86ORAC1");
        }
        mode = h.getInt();
        int count = h.getInt();
        int stateSize = h.getInt();
        h.getInt();
        codeLin = h.getLong();
        dataLin = h.getLong();
        stackLin = h.getLong();
        if (count != STATES) {
            throw new IOException("file has " + count + " vector states, expected " + STATES);
        }
        for (int i = 0; i < count; i++) {
            states[i] = bytes(stateSize);
        }
        bytes(DATA_BYTES).get(data);
        bytes(STACK_BYTES).get(stack);
    }

    /** The bytes of the vector read last, without their length. */
    ByteBuffer raw() {
        return ByteBuffer.wrap(body, 0, bodySize).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The next vector, in an object that the following call reuses; null at the end. */
    OracleVector next() throws IOException {
        byte[] four = in.readNBytes(4);
        if (four.length == 0) {
            return null;
        }
        if (four.length < 4) {
            throw new EOFException("file of oracle vectors is cut off");
        }
        int size = ByteBuffer.wrap(four).order(ByteOrder.LITTLE_ENDIAN).getInt();
        if (size - 4 > body.length) {
            body = new byte[size];
        }
        if (in.readNBytes(body, 0, size - 4) < size - 4) {
            throw new EOFException("file of oracle vectors is cut off");
        }
        bodySize = size - 4;
        vector.read(raw(), states);
        return vector;
    }

    private ByteBuffer bytes(int n) throws IOException {
        byte[] b = in.readNBytes(n);
        if (b.length < n) {
            throw new EOFException("file of oracle vectors is cut off");
        }
        return ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN);
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
