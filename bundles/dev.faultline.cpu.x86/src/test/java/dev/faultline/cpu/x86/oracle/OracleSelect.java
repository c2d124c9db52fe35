// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.oracle;

import dev.faultline.cpu.x86.isa.Row;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;

/**
 * Makes the compact files of vectors that the tests run: at most so many per table line, half of
 * them faulting where there are such, without what only AVX needs.
 *
 * <pre>OracleSelect IN OUT.gz PER-LINE</pre>
 */
public final class OracleSelect {
    private OracleSelect() {}

    public static void main(String[] args) throws IOException {
        if (args.length != 3) {
            System.err.println("usage: OracleSelect IN OUT.gz PER-LINE");
            System.exit(2);
        }
        int perLine = Integer.parseInt(args[2]);
        Map<String, int[]> counts = new HashMap<>();
        int kept = 0;
        try (OracleFile in = new OracleFile(Files.newInputStream(Path.of(args[0])));
                OutputStream out = new Best(Files.newOutputStream(Path.of(args[1])))) {
            out.write(in.header);
            for (ByteBuffer s : in.states) {
                out.write(stripped(s));
            }
            out.write(in.data);
            out.write(in.stack);
            OracleCpu cpu = new OracleCpu(in);
            for (OracleVector t = in.next(); t != null; t = in.next()) {
                cpu.decode(t);
                Row e = cpu.row();
                boolean faults = t.exception != OracleVector.NONE;
                String key = (e == null ? "map " + t.map : e.toString()) + faults;
                int[] n = counts.computeIfAbsent(key, _ -> new int[1]);
                if (Unclaimed.reason(t, e, in.mode) == null
                        && n[0]++ < perLine / (faults ? 3 : 1)) {
                    ByteBuffer b = in.raw();
                    byte[] size = new byte[4];
                    ByteBuffer.wrap(size).order(ByteOrder.LITTLE_ENDIAN).putInt(b.remaining() + 4);
                    out.write(size);
                    out.write(b.array(), 0, b.remaining());
                    kept++;
                }
            }
        }
        System.out.println(args[1] + ": " + kept + " vectors of " + counts.size() + " kinds");
    }

    /** Only the parts of ZMM0-15 that are XMM, no mask registers. */
    private static byte[] stripped(ByteBuffer state) {
        byte[] b = state.array().clone();
        for (int i = 0; i < 32 * 64 + 64; i++) {
            if (i >= 16 * 64 || i % 64 >= 16) {
                b[i] = 0;
            }
        }
        return b;
    }

    private static final class Best extends GZIPOutputStream {
        Best(OutputStream out) throws IOException {
            super(out, 1 << 16);
            def.setLevel(Deflater.BEST_COMPRESSION);
        }
    }
}
