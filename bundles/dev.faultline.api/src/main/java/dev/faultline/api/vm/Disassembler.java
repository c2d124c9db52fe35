// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import dev.faultline.api.address.Gva;
import dev.faultline.api.cpu.VcpuState;
import java.util.List;
import org.osgi.annotation.versioning.ProviderType;

/**
 * A guest's machine code as text, for people: a service of whoever has the instruction set. Nothing
 * of the guest or its machine changes, and no fault handler is asked.
 */
@ProviderType
public interface Disassembler {
    /**
     * One instruction.
     *
     * @param gva of its first byte
     * @param code its bytes in hexadecimal; empty if it cannot be read
     * @param text Intel syntax; "(bad)" for bytes that are no instruction, "unreadable" for what is
     *     not mapped, is no RAM, or what RAM protection does not let be read
     */
    record Line(@Gva long gva, String code, String text) {}

    /** Where the next instruction of a vCPU is: CS:RIP. */
    @Gva
    long next(VcpuState vcpu);

    /**
     * Instructions that follow each other, in the mode that the vCPU is in. Ends after the first
     * that cannot be read. Call it on a machine that stands ({@link Machine#quiesce}).
     *
     * @param vcpu whose translations are used; one of the machine's
     * @param gva of the first
     * @param count how many, 1 at least
     */
    List<Line> disassemble(Machine machine, VcpuState vcpu, @Gva long gva, int count);
}
