// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.sweep;

import dev.faultline.api.address.Gpa;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.disassembly.GuestCode;

/** The bytes of a guest's code, whatever protection says. */
public final class CodeBytes {
    private CodeBytes() {}

    public static GuestCode.Bytes of(VcpuContext v, GuestMemory memory) {
        return gva -> {
            @Gpa long gpa = v.mmu.query(v, gva);
            long hva = gpa < 0 ? -1 : memory.hvaOf(gpa);
            return hva < 0 ? -1 : HostBytes.get8(hva) & 0xFF;
        };
    }
}
