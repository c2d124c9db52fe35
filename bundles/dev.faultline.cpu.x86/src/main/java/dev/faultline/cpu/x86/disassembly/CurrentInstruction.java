// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Hva;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.cpu.x86.decode.Decoder;

/** The instruction at CS:RIP of a vCPU that stands, for people. */
public final class CurrentInstruction {
    /** Said of bytes that are not mapped, not RAM, or that RAM protection does not let be read. */
    private static final String UNREADABLE = "unreadable";

    private CurrentInstruction() {}

    /**
     * Its text. On the vCPU's thread; changes {@code v.fault} if RAM protection stops the read, and
     * raises nothing.
     */
    public static String of(VcpuContext v) {
        @Gva long lin = linear(v, 0);
        byte[] code = new byte[Decoder.MAX_LENGTH];
        int read = 0;
        while (read < code.length && read(v, linear(v, read), code, read)) {
            read++;
        }
        Instruction i = new Disassembler().disassemble(code, read, v.codeBits, lin);
        return i == null ? UNREADABLE : i.text();
    }

    private static @Gva long linear(VcpuContext v, int offset) {
        long rip = v.rip + offset;
        return v.codeBits == 64 ? rip : v.segBase[Segments.CS] + rip & 0xFFFF_FFFFL;
    }

    private static boolean read(VcpuContext v, @Gva long lin, byte[] code, int at) {
        @Gpa long gpa = v.mmu.query(v, lin);
        if (gpa < 0) {
            return false;
        }
        @Hva long hva = v.mmu.physical(v, gpa, Mmu.READ, FaultOrigin.FETCH);
        if (hva < 0) {
            return false;
        }
        code[at] = HostBytes.get8(hva);
        return true;
    }
}
