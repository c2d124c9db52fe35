// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import dev.faultline.api.address.Gva;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.cpu.VcpuState;
import org.jspecify.annotations.Nullable;

/** Where a vCPU's code is, and the instruction there, whoever can read guest memory. */
public final class GuestCode {
    /** Said of bytes that are not mapped, not RAM, or that RAM protection does not let be read. */
    public static final String UNREADABLE = "unreadable";

    private GuestCode() {}

    /** Guest memory, byte by byte. */
    @FunctionalInterface
    public interface Bytes {
        /**
         * @return 0 to 255, or negative: it cannot be read
         */
        int at(@Gva long gva);
    }

    /** CS:RIP as a linear address. */
    public static @Gva long next(VcpuState v) {
        return wrap(v, v.codeBits == 64 ? v.rip : v.segBase[Segments.CS] + v.rip);
    }

    /** A linear address outside of 64-bit mode has 32 bits. */
    public static @Gva long wrap(VcpuState v, @Gva long gva) {
        return v.codeBits == 64 ? gva : gva & 0xFFFF_FFFFL;
    }

    /**
     * The instruction at an address, in the mode that the vCPU is in.
     *
     * @param code gets its bytes; as long as the longest instruction
     * @return null: it cannot be read
     */
    public static @Nullable Instruction at(VcpuState v, @Gva long gva, Bytes bytes, byte[] code) {
        int read = 0;
        while (read < code.length) {
            int b = bytes.at(wrap(v, gva + read));
            if (b < 0) {
                break;
            }
            code[read++] = (byte) b;
        }
        return new Disassembler().disassemble(code, read, v.codeBits, gva);
    }
}
