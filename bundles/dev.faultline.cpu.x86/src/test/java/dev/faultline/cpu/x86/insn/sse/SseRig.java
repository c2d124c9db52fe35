// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.sse;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Outcome;
import dev.faultline.testkit.cpu.CodedFaults;

/**
 * A vCPU in 64-bit mode with SSE enabled and no memory: enough for register forms and for faults
 * that precede translation.
 */
final class SseRig {
    final VcpuContext v = new VcpuContext(0);
    private final Decoder decoder = new Decoder();

    SseRig() {
        v.propagation = new CodedFaults();
        v.codeBits = 64;
        v.ripMask = -1;
        v.cr0 = VcpuContext.CR0_PE | VcpuContext.CR0_NE;
        v.cr4 = VcpuContext.CR4_PAE | VcpuContext.CR4_OSFXSR | VcpuContext.CR4_OSXMMEXCPT;
    }

    /** Bytes of the last instruction decoded. */
    int lastLength() {
        return decoder.lastLength();
    }

    Op decode(int... code) {
        byte[] bytes = new byte[Decoder.MAX_LENGTH];
        for (int i = 0; i < code.length; i++) {
            bytes[i] = (byte) code[i];
        }
        return decoder.decode(bytes, bytes.length, 64, 0);
    }

    /**
     * Executes one instruction.
     *
     * @return the vector of the exception it raised, or -1
     */
    int execute(int... code) {
        return execute(decode(code));
    }

    int execute(Op op) {
        return op.execute(v) == Outcome.FAULT ? v.fault.vector : -1;
    }
}
