// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.sse;

import static dev.faultline.api.memory.HostBytes.get64;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.simd.PackedInt;

/**
 * The packed logic, arithmetic and comparisons that compilers and C libraries emit most. The same
 * as {@link Packed.Lanes} does for the rest, in a class each, so that HotSpot sees one operation
 * per {@code execute} and inlines it.
 */
final class HotLanes {
    private HotLanes() {}

    /** PXOR, XORPS, XORPD. */
    static final class Xor extends XmmOp {
        Xor(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                hi = get64(h + 8);
            }
            x[dst] ^= lo;
            x[dst + 1] ^= hi;
            return NEXT;
        }
    }

    /** PAND, ANDPS, ANDPD. */
    static final class And extends XmmOp {
        And(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                hi = get64(h + 8);
            }
            x[dst] &= lo;
            x[dst + 1] &= hi;
            return NEXT;
        }
    }

    /** POR, ORPS, ORPD. */
    static final class Or extends XmmOp {
        Or(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                hi = get64(h + 8);
            }
            x[dst] |= lo;
            x[dst + 1] |= hi;
            return NEXT;
        }
    }

    /** PANDN, ANDNPS, ANDNPD. */
    static final class AndNot extends XmmOp {
        AndNot(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                hi = get64(h + 8);
            }
            x[dst] = ~x[dst] & lo;
            x[dst + 1] = ~x[dst + 1] & hi;
            return NEXT;
        }
    }

    /** PADDQ. */
    static final class AddQuads extends XmmOp {
        AddQuads(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                hi = get64(h + 8);
            }
            x[dst] += lo;
            x[dst + 1] += hi;
            return NEXT;
        }
    }

    /** PADDB. */
    static final class AddBytes extends XmmOp {
        AddBytes(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                hi = get64(h + 8);
            }
            x[dst] = PackedInt.paddb(x[dst], lo);
            x[dst + 1] = PackedInt.paddb(x[dst + 1], hi);
            return NEXT;
        }
    }

    /** PADDD. */
    static final class AddDwords extends XmmOp {
        AddDwords(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                hi = get64(h + 8);
            }
            x[dst] = PackedInt.paddd(x[dst], lo);
            x[dst + 1] = PackedInt.paddd(x[dst + 1], hi);
            return NEXT;
        }
    }

    /** PSUBB. */
    static final class SubBytes extends XmmOp {
        SubBytes(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                hi = get64(h + 8);
            }
            x[dst] = PackedInt.psubb(x[dst], lo);
            x[dst + 1] = PackedInt.psubb(x[dst + 1], hi);
            return NEXT;
        }
    }

    /** PSUBD. */
    static final class SubDwords extends XmmOp {
        SubDwords(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                hi = get64(h + 8);
            }
            x[dst] = PackedInt.psubd(x[dst], lo);
            x[dst + 1] = PackedInt.psubd(x[dst + 1], hi);
            return NEXT;
        }
    }

    /** PCMPEQB. */
    static final class EqualBytes extends XmmOp {
        EqualBytes(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                hi = get64(h + 8);
            }
            x[dst] = PackedInt.pcmpeqb(x[dst], lo);
            x[dst + 1] = PackedInt.pcmpeqb(x[dst + 1], hi);
            return NEXT;
        }
    }

    /** PCMPEQW. */
    static final class EqualWords extends XmmOp {
        EqualWords(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                hi = get64(h + 8);
            }
            x[dst] = PackedInt.pcmpeqw(x[dst], lo);
            x[dst + 1] = PackedInt.pcmpeqw(x[dst + 1], hi);
            return NEXT;
        }
    }

    /** PCMPEQD. */
    static final class EqualDwords extends XmmOp {
        EqualDwords(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                hi = get64(h + 8);
            }
            x[dst] = PackedInt.pcmpeqd(x[dst], lo);
            x[dst + 1] = PackedInt.pcmpeqd(x[dst + 1], hi);
            return NEXT;
        }
    }

    /** PMINUB. */
    static final class MinBytes extends XmmOp {
        MinBytes(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                hi = get64(h + 8);
            }
            x[dst] = PackedInt.pminub(x[dst], lo);
            x[dst + 1] = PackedInt.pminub(x[dst + 1], hi);
            return NEXT;
        }
    }

    /** PCMPGTD. */
    static final class GreaterDwords extends XmmOp {
        GreaterDwords(Decoded d) {
            super(d);
        }

        @Override
        public int execute(VcpuContext v) {
            if (unavailable(v)) {
                return refuse(v);
            }
            long[] x = v.xmm;
            long lo;
            long hi;
            if (src >= 0) {
                lo = x[src];
                hi = x[src + 1];
            } else {
                long h = readAligned(v);
                if (h < 0) {
                    return FAULT;
                }
                lo = get64(h);
                hi = get64(h + 8);
            }
            x[dst] = PackedInt.pcmpgtd(x[dst], lo);
            x[dst + 1] = PackedInt.pcmpgtd(x[dst + 1], hi);
            return NEXT;
        }
    }
}
