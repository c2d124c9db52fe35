// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Op;

/**
 * NOP, PAUSE, PREFETCHW and the hint space 0F 18-1F: the operand, if any, is not accessed. SDM 2B,
 * "NOP-No Operation".
 */
final class Nop extends Op {
    @Override
    public int execute(VcpuContext v) {
        return NEXT;
    }
}
