// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.internal;

import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Hva;
import dev.faultline.api.address.Page;
import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Disassembler;
import dev.faultline.api.vm.Machine;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.disassembly.GuestCode;
import dev.faultline.cpu.x86.disassembly.Instruction;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.osgi.service.component.annotations.Component;

/**
 * The code of machines as text: reads guest memory past the vCPU, so that nothing happens to it.
 */
@Component(service = Disassembler.class)
public final class MachineCode implements Disassembler {
    private static final HexFormat HEX = HexFormat.ofDelimiter(" ");

    @Override
    public @Gva long next(VcpuState v) {
        return GuestCode.next(v);
    }

    @Override
    public List<Line> disassemble(Machine machine, VcpuState vcpu, @Gva long gva, int count) {
        if (count < 1) {
            throw new IllegalArgumentException(count + " instructions: expected 1 at least");
        }
        if (!(vcpu instanceof VcpuContext v) || !machine.vcpus().contains(vcpu)) {
            throw new IllegalArgumentException(
                    "vCPU %d: expected one of machine %s"
                            .formatted(vcpu.index, machine.config().name()));
        }
        List<Line> lines = new ArrayList<>();
        byte[] code = new byte[Decoder.MAX_LENGTH];
        @Gva long at = gva;
        while (lines.size() < count) {
            Instruction i = GuestCode.at(v, at, address -> read(machine, v, address), code);
            if (i == null) {
                lines.add(new Line(at, "", GuestCode.UNREADABLE));
                break;
            }
            lines.add(new Line(at, HEX.formatHex(code, 0, i.length()), i.text()));
            at = GuestCode.wrap(v, at + i.length());
        }
        return lines;
    }

    private static int read(Machine machine, VcpuContext v, @Gva long gva) {
        @Gpa long gpa = machine.mmu().query(v, gva);
        if (gpa < 0 || (machine.protection().rightsOf(Page.gfn(gpa)) & Rights.R) == 0) {
            return -1;
        }
        @Hva long hva = machine.memory().hvaOf(gpa);
        return hva < 0 ? -1 : HostBytes.get8(hva) & 0xFF;
    }
}
