// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Hva;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.cpu.x86.decode.Decoder;

/** The instruction at CS:RIP of a vCPU that stands, for people. */
public final class CurrentInstruction {
    private CurrentInstruction() {}

    /**
     * Its text. On the vCPU's thread; changes {@code v.fault} if RAM protection stops the read, and
     * raises nothing.
     */
    public static String of(VcpuContext v) {
        byte[] code = new byte[Decoder.MAX_LENGTH];
        Instruction i = GuestCode.at(v, GuestCode.next(v), gva -> read(v, gva), code);
        return i == null ? GuestCode.UNREADABLE : i.text();
    }

    private static int read(VcpuContext v, @Gva long gva) {
        @Gpa long gpa = v.mmu.query(v, gva);
        if (gpa < 0) {
            return -1;
        }
        @Hva long hva = v.mmu.physical(v, gpa, Mmu.READ, FaultOrigin.FETCH);
        return hva < 0 ? -1 : HostBytes.get8(hva) & 0xFF;
    }
}
