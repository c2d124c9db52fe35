// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.gogo;

import static dev.faultline.shell.internal.gogo.CommandFailed.orLine;

import dev.faultline.api.address.Gva;
import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.vm.Disassembler;
import dev.faultline.api.vm.Machine;
import java.util.ArrayList;
import java.util.List;
import org.apache.felix.service.command.Descriptor;
import org.apache.felix.service.command.Parameter;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** {@code vm:code}. */
@Component(
        service = CodeCommand.class,
        property = {"osgi.command.scope=vm", "osgi.command.function=code"})
public final class CodeCommand {
    private static final String NEXT = "next";

    /** Some screens. */
    private static final int MOST = 1000;

    private final Guests guests;
    private final Disassembler disassembler;

    @Activate
    public CodeCommand(
            @Reference(name = "guests") Guests guests,
            @Reference(name = "disassembler") Disassembler disassembler) {
        this.guests = guests;
        this.disassembler = disassembler;
    }

    @Descriptor("disassembles a machine's code where a vCPU stands, or elsewhere")
    public String code(
            @Descriptor("whose mode and page tables count (default 0)")
                    @Parameter(names = "--vcpu", absentValue = "0")
                    int vcpu,
            @Descriptor("linear address, e.g. 0x100000 (default: the next instruction)")
                    @Parameter(names = "--at", absentValue = NEXT)
                    String at,
            @Descriptor("instructions (default 10)")
                    @Parameter(names = "--count", absentValue = "10")
                    int count,
            @Descriptor("machine") String name) {
        return orLine(() -> {
            Machine m = guests.get(name).machine();
            if (vcpu < 0 || vcpu >= m.vcpus().size()) {
                throw new IllegalArgumentException(
                        "--vcpu %d: machine %s has 0 to %d"
                                .formatted(vcpu, name, m.vcpus().size() - 1));
            }
            if (count < 1 || count > MOST) {
                throw new IllegalArgumentException(
                        "--count %d: expected 1 to %d".formatted(count, MOST));
            }
            VcpuState v = m.vcpus().get(vcpu);
            List<Disassembler.Line> lines = new ArrayList<>();
            m.quiesce(() -> {
                @Gva
                long from = at.equals(NEXT) ? disassembler.next(v) : ProtectionCommands.address(at);
                lines.addAll(disassembler.disassemble(m, v, from, count));
            });
            Table t = new Table("ADDRESS>", "CODE", "INSTRUCTION");
            lines.forEach(l -> t.row("%x".formatted(l.gva()), l.code(), l.text()));
            return t.toString();
        });
    }
}
