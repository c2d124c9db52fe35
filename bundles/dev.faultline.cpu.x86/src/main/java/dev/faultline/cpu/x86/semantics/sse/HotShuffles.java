// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.sse;

import static dev.faultline.api.memory.HostBytes.get64;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.simd.PackedShapes;

/**
 * The unpacks that compilers and C libraries emit most. The same as {@link Packed.Wide} does for
 * the rest, in a class each, so that HotSpot sees one operation per {@code execute} and inlines it.
 */
final class HotShuffles {
    private HotShuffles() {}

    /** PUNPCKLBW. */
    static final class UnpackLowBytes extends XmmOp {
        UnpackLowBytes(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long b;
            if (src >= 0) {
                b = x[src];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                b = get64(h);
            }
            long a = x[dst];
            x[dst] = PackedShapes.punpcklbw(a, b);
            x[dst + 1] = PackedShapes.punpckhbw(a, b);
            return NEXT;
        }
    }

    /** PUNPCKLWD. */
    static final class UnpackLowWords extends XmmOp {
        UnpackLowWords(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long b;
            if (src >= 0) {
                b = x[src];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                b = get64(h);
            }
            long a = x[dst];
            x[dst] = PackedShapes.punpcklwd(a, b);
            x[dst + 1] = PackedShapes.punpckhwd(a, b);
            return NEXT;
        }
    }

    /** PUNPCKLDQ, UNPCKLPS. */
    static final class UnpackLowDwords extends XmmOp {
        UnpackLowDwords(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long b;
            if (src >= 0) {
                b = x[src];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                b = get64(h);
            }
            long a = x[dst];
            x[dst] = PackedShapes.punpckldq(a, b);
            x[dst + 1] = PackedShapes.punpckhdq(a, b);
            return NEXT;
        }
    }

    /** PUNPCKLQDQ, UNPCKLPD. */
    static final class UnpackLowQuads extends XmmOp {
        UnpackLowQuads(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long b;
            if (src >= 0) {
                b = x[src];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                b = get64(h);
            }
            x[dst + 1] = b;
            return NEXT;
        }
    }

    /** PUNPCKHQDQ, UNPCKHPD. */
    static final class UnpackHighQuads extends XmmOp {
        UnpackHighQuads(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long b;
            if (src >= 0) {
                b = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                b = get64(h + 8);
            }
            x[dst] = x[dst + 1];
            x[dst + 1] = b;
            return NEXT;
        }
    }
}
