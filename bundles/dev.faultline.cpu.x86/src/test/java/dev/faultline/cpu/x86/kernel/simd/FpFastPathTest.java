// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.kernel.simd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The fast paths of {@link FpArith} and {@link FpConvert} against {@link SoftFloat}, on operands
 * near each other and near the edges.
 */
class FpFastPathTest {
    private static final int TRIES = 30_000;

    static Stream<Arguments> pairs() {
        return Stream.of(
                pair(
                        "addD",
                        true,
                        FpArith::addD,
                        (m, a, b, x, o) -> SoftFloat.add(m, true, false, a, b, x, o)),
                pair(
                        "subD",
                        true,
                        FpArith::subD,
                        (m, a, b, x, o) -> SoftFloat.add(m, true, true, a, b, x, o)),
                pair(
                        "mulD",
                        true,
                        FpArith::mulD,
                        (m, a, b, x, o) -> SoftFloat.mul(m, true, a, b, x, o)),
                pair(
                        "divD",
                        true,
                        FpArith::divD,
                        (m, a, b, x, o) -> SoftFloat.div(m, true, a, b, x, o)),
                pair(
                        "sqrtD",
                        true,
                        FpArith::sqrtD,
                        (m, a, b, x, o) -> SoftFloat.sqrt(m, true, b, x, o)),
                pair(
                        "minD",
                        true,
                        FpArith::minD,
                        (m, a, b, x, o) -> SoftFloat.minMax(m, true, false, a, b, x, o)),
                pair(
                        "maxD",
                        true,
                        FpArith::maxD,
                        (m, a, b, x, o) -> SoftFloat.minMax(m, true, true, a, b, x, o)),
                pair(
                        "addS",
                        false,
                        FpArith::addS,
                        (m, a, b, x, o) -> SoftFloat.add(m, false, false, a, b, x, o)),
                pair(
                        "subS",
                        false,
                        FpArith::subS,
                        (m, a, b, x, o) -> SoftFloat.add(m, false, true, a, b, x, o)),
                pair(
                        "mulS",
                        false,
                        FpArith::mulS,
                        (m, a, b, x, o) -> SoftFloat.mul(m, false, a, b, x, o)),
                pair(
                        "divS",
                        false,
                        FpArith::divS,
                        (m, a, b, x, o) -> SoftFloat.div(m, false, a, b, x, o)),
                pair(
                        "sqrtS",
                        false,
                        FpArith::sqrtS,
                        (m, a, b, x, o) -> SoftFloat.sqrt(m, false, b, x, o)),
                pair(
                        "widen",
                        false,
                        FpConvert::floatToDouble,
                        (m, a, b, x, o) -> SoftFloat.widen(m, b, x, o)),
                pair(
                        "narrow",
                        true,
                        FpConvert::doubleToFloat,
                        (m, a, b, x, o) -> SoftFloat.narrow(m, b, x, o)),
                pair(
                        "truncate",
                        true,
                        FpConvert::truncateDoubleToInt64,
                        (m, a, b, x, o) -> SoftFloat.toInt(m, true, true, Mxcsr.RC_ZERO, b, x, o)));
    }

    private static Arguments pair(String name, boolean d, FpOp fast, FpOp soft) {
        return Arguments.of(name, d, fast, soft);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("pairs")
    void agreesWithIntegerArithmetic(String name, boolean d, FpOp fast, FpOp soft) {
        SplittableRandom r = new SplittableRandom(42);
        long[] x = new long[2];
        for (int i = 0; i < TRIES; i++) {
            long a = operand(r, d);
            long b = operand(r, d);
            int m = Mxcsr.RESET;
            int raisedFast = fast.apply(m, a, b, x, 0);
            int raisedSoft = soft.apply(m, a, b, x, 1);
            assertThat(x[0]).as("%s(%x, %x)", name, a, b).isEqualTo(x[1]);
            assertThat(raisedFast).as("flags of %s(%x, %x)", name, a, b).isEqualTo(raisedSoft);
        }
    }

    private static long operand(SplittableRandom r, boolean d) {
        int fb = SoftFloat.fracBits(d);
        int max = SoftFloat.maxExp(d);
        int exp =
                switch (r.nextInt(4)) {
                    case 0 -> r.nextInt(max + 1);
                    case 1 -> r.nextInt(4);
                    case 2 -> max - r.nextInt(4);
                    default -> SoftFloat.bias(d) + r.nextInt(9) - 4;
                };
        long frac = r.nextLong() & r.nextLong() & (1L << fb) - 1;
        long sign = r.nextBoolean() ? SoftFloat.signBit(d) : 0;
        return sign | (long) exp << fb | (r.nextBoolean() ? frac & -1L << fb / 2 : frac);
    }
}
