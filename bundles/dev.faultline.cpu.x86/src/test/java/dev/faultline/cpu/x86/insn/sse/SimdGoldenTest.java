// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.sse;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.cpu.x86.op.Op;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Register forms of every MMX and SSE instruction against what an Intel Xeon computed: results,
 * EFLAGS, MXCSR and #XM, under random rounding modes, DAZ, FTZ, sticky flags and masks. The vectors
 * come from src/test/native/simd_vectors.c, which says how.
 */
class SimdGoldenTest {
    private static final int STATUS = 0x8D5;
    private static final int XM = 19;

    /** One instruction with its vectors. */
    private record Case(
            String name, int[] code, boolean blend, boolean floating, List<Vector> vectors) {
        boolean writesFlags() {
            return name.contains("comis") || name.contains("str") || name.matches("ptest|popcnt.");
        }
    }

    private record Vector(
            long[] a, long[] b, long[] c, long rax, long rdx, int mxcsr, Result expected) {}

    /** {@code registers}: destination low and high, MM0, RAX, RCX; null after #XM. */
    private record Result(boolean xm, int mxcsr, List<String> registers, int flags) {}

    @TestFactory
    List<DynamicTest> registerFormsAgreeWithTheProcessor() throws IOException {
        return load().stream()
                .map(c -> DynamicTest.dynamicTest(c.name + code(c), () -> check(c)))
                .toList();
    }

    private static String code(Case c) {
        StringBuilder s = new StringBuilder(" ");
        for (int x : c.code) {
            s.append(HexFormat.of().toHexDigits((byte) x));
        }
        return s.toString();
    }

    private static void check(Case c) {
        SseRig rig = new SseRig();
        Op op = rig.decode(c.code);
        assertThat(rig.lastLength()).as("length").isEqualTo(c.code.length);
        for (Vector t : c.vectors) {
            assertThat(run(rig, op, c, t)).as(describe(t)).isEqualTo(t.expected);
        }
    }

    private static Result run(SseRig rig, Op op, Case c, Vector t) {
        var v = rig.v;
        System.arraycopy(t.a, 0, v.xmm, 0, 2);
        System.arraycopy(t.b, 0, v.xmm, 2, 2);
        System.arraycopy(t.c, 0, v.xmm, 4, 2);
        v.fpSig[0] = t.a[0];
        v.fpSig[1] = t.b[0];
        v.gpr[0] = t.rax;
        v.gpr[1] = t.b[0];
        v.gpr[2] = t.rdx;
        v.mxcsr = t.mxcsr;
        v.setStatusFlags(t.expected.flags);
        if (c.writesFlags()) {
            v.setStatusFlags(~t.expected.flags);
        }
        int vector = rig.execute(op);
        if (vector == XM) {
            return new Result(true, v.mxcsr, null, 0);
        }
        assertThat(vector).as("exception, " + describe(t)).isEqualTo(-1);
        int d = c.blend ? 4 : 0;
        return new Result(
                false,
                v.mxcsr,
                hex(v.xmm[d], v.xmm[d + 1], v.fpSig[0], v.gpr[0], v.gpr[1]),
                v.getFlags() & STATUS);
    }

    private static String describe(Vector t) {
        return "a=%016x_%016x b=%016x_%016x mxcsr=%04x rax=%x rdx=%x"
                .formatted(t.a[1], t.a[0], t.b[1], t.b[0], t.mxcsr, t.rax, t.rdx);
    }

    private static List<String> hex(long... values) {
        List<String> s = new ArrayList<>();
        for (long x : values) {
            s.add(HexFormat.of().toHexDigits(x));
        }
        return s;
    }

    private static List<Case> load() throws IOException {
        try (InputStream in = SimdGoldenTest.class.getResourceAsStream("simd-vectors.bin.gz");
                GZIPInputStream z = new GZIPInputStream(in)) {
            ByteBuffer b = ByteBuffer.wrap(z.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
            List<Case> cases = new ArrayList<>();
            while (b.hasRemaining()) {
                cases.add(readCase(b));
            }
            return cases;
        }
    }

    private static Case readCase(ByteBuffer b) {
        byte[] name = new byte[b.get()];
        b.get(name);
        int[] code = new int[b.get()];
        for (int i = 0; i < code.length; i++) {
            code[i] = b.get() & 0xFF;
        }
        int kind = b.get();
        boolean blend = (kind & 1) != 0;
        boolean floating = (kind & 2) != 0;
        int count = b.getShort() & 0xFFFF;
        List<Vector> vectors = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            vectors.add(readVector(b, blend, floating));
        }
        return new Case(
                new String(name, StandardCharsets.US_ASCII), code, blend, floating, vectors);
    }

    private static Vector readVector(ByteBuffer b, boolean blend, boolean floating) {
        long[] a = {b.getLong(), b.getLong()};
        long[] s = {b.getLong(), b.getLong()};
        long[] c = blend ? new long[] {b.getLong(), b.getLong()} : new long[2];
        long rax = floating ? 0 : b.getLong();
        long rdx = floating ? 0 : b.getLong();
        int mxcsr = b.getShort() & 0xFFFF;
        boolean xm = b.get() != 0;
        int after = b.getShort() & 0xFFFF;
        Result r = new Result(true, after, null, 0);
        if (!xm) {
            List<String> registers =
                    hex(b.getLong(), b.getLong(), b.getLong(), b.getLong(), b.getLong());
            r = new Result(false, after, registers, b.getShort() & STATUS);
        }
        return new Vector(a, s, c, rax, rdx, mxcsr, r);
    }
}
