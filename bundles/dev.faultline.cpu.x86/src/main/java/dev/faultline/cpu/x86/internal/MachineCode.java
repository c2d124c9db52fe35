// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.internal;

import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Hva;
import dev.faultline.api.address.Page;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Disassembler;
import dev.faultline.api.vm.Machine;
import dev.faultline.cpu.x86.decode.Decoder;
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
    private static final String UNREADABLE = "unreadable";
    private static final HexFormat HEX = HexFormat.ofDelimiter(" ");

    @Override
    public @Gva long next(VcpuState v) {
        return v.codeBits == 64 ? v.rip : v.segBase[Segments.CS] + v.rip & 0xFFFF_FFFFL;
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
        var disassembler = new dev.faultline.cpu.x86.disassembly.Disassembler();
        List<Line> lines = new ArrayList<>();
        byte[] code = new byte[Decoder.MAX_LENGTH];
        @Gva long at = gva;
        while (lines.size() < count) {
            int read = 0;
            while (read < code.length && read(machine, v, wrap(v, at + read), code, read)) {
                read++;
            }
            Instruction i = disassembler.disassemble(code, read, v.codeBits, at);
            if (i == null) {
                lines.add(new Line(at, "", UNREADABLE));
                break;
            }
            lines.add(new Line(at, HEX.formatHex(code, 0, i.length()), i.text()));
            at = wrap(v, at + i.length());
        }
        return lines;
    }

    private static @Gva long wrap(VcpuState v, @Gva long gva) {
        return v.codeBits == 64 ? gva : gva & 0xFFFF_FFFFL;
    }

    private static boolean read(
            Machine machine, VcpuContext v, @Gva long gva, byte[] code, int at) {
        @Gpa long gpa = machine.mmu().query(v, gva);
        if (gpa < 0 || (machine.protection().rightsOf(Page.gfn(gpa)) & Rights.R) == 0) {
            return false;
        }
        @Hva long hva = machine.memory().hvaOf(gpa);
        if (hva < 0) {
            return false;
        }
        code[at] = HostBytes.get8(hva);
        return true;
    }
}
