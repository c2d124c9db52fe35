// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Flags;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.RmOp;

/**
 * ADCX and ADOX: addition with CF, or with OF, as its carry, the other flags untouched. SDM 2A,
 * "ADCX", "ADOX".
 */
final class Adcx {
    private Adcx() {}

    static Op make(Decoded d) {
        int size = d.rexW ? 8 : 4;
        return d.mnemonic.equals("ADCX") ? new WithCarry(d, size) : new WithOverflow(d, size);
    }

    /** Carry out of a + b giving sum, both of 32 or 64 bits. */
    private static boolean carry(long a, long b, long sum, int size) {
        return ((a & b | (a | b) & ~sum) >>> size * 8 - 1 & 1) != 0;
    }

    private static final class WithCarry extends RmOp {
        WithCarry(Decoded d, int size) {
            super(d, size);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long a = getG(v);
            long b = get(v, h);
            long sum = a + b + (Flags.cf(v) ? 1 : 0);
            putG(v, sum);
            Flags.setCarry(v, carry(a, b, sum, size));
            return NEXT;
        }
    }

    private static final class WithOverflow extends RmOp {
        WithOverflow(Decoded d, int size) {
            super(d, size);
        }

        @Override
        public int execute(VcpuContext v) {
            long h = probe(v);
            if (h < 0) {
                return FAULT;
            }
            long a = getG(v);
            long b = get(v, h);
            long sum = a + b + (Flags.of(v) ? 1 : 0);
            putG(v, sum);
            Flags.setOverflow(v, carry(a, b, sum, size));
            return NEXT;
        }
    }
}
