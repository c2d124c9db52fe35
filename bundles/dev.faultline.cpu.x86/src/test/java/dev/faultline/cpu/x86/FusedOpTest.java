// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import org.junit.jupiter.api.Test;

/** A fused instruction that is stopped in a later part, and executed from its start again. */
class FusedOpTest {
    private static final class Part extends Op {
        int result = NEXT;

        @Override
        public int execute(VcpuContext v) {
            return result;
        }
    }

    private static final class Three extends FusedOp {
        Three(Op... parts) {
            super(parts);
        }

        @Override
        public int execute(VcpuContext v) {
            return apart(v);
        }
    }

    private final Part a = new Part();
    private final Part b = new Part();
    private final Part c = new Part();
    private final FusedOp all = new Three(a, b, c);
    private final VcpuContext v = new VcpuContext(0);

    @Test
    void eachStopCountsThePartsBeforeIt() {
        for (int round = 0; round < 3; round++) {
            v.instructions = 0;
            c.result = Op.FAULT;
            assertThat(all.execute(v)).isEqualTo(Op.FAULT);
            assertThat(v.instructions).isEqualTo(2);
            assertThat(all.left()).isSameAs(c);
            v.instructions = 0;
            b.result = Op.FAULT;
            assertThat(all.execute(v)).isEqualTo(Op.FAULT);
            assertThat(v.instructions).isEqualTo(1);
            assertThat(all.left()).isSameAs(b);
            v.instructions = 0;
            b.result = Op.NEXT;
            c.result = Op.JUMP;
            assertThat(all.execute(v)).isEqualTo(Op.JUMP);
            assertThat(v.instructions).isEqualTo(2); // the engine counts the last one
            assertThat(all.left()).isSameAs(a);
        }
    }
}
