// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.run;

import dev.faultline.api.cpu.Gpr;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.disassembly.GuestCode;
import dev.faultline.cpu.x86.isa.FlagEffects;
import dev.faultline.cpu.x86.op.Decoded;
import java.util.Set;

/**
 * Which flags two engines that are both right may have differently: those that the SDM leaves
 * undefined after an instruction, until another defines them. Goes along with a run that executes
 * one instruction at a time, in 64-bit code. On the thread that runs it.
 */
public final class UndefinedFlags {
    private static final int CF = 1;
    private static final int PF = 4;
    private static final int AF = 0x10;
    private static final int ZF = 0x40;
    private static final int SF = 0x80;
    private static final int OF = 0x800;

    /** Of a condition without its lowest bit, which negates it. */
    private static final int[] CONDITIONS = {OF, CF, ZF, CF | ZF, SF, PF, SF | OF, ZF | SF | OF};

    private static final Set<String> ROTATES = Set.of("ROL", "ROR", "RCL", "RCR");
    private static final Set<String> SHIFTS = Set.of("SHL", "SHR", "SAR", "SHLD", "SHRD");

    /** They save all flags, and the table does not say so. */
    private static final Set<String> SAVES =
            Set.of("INT", "INT3", "INT1", "INTO", "SYSCALL", "PUSHF");

    /** Of {@link #image}. */
    public static final int ALL = -1;

    private final VcpuContext v;
    private final GuestCode.Bytes memory;
    private final Decoder decoder = new Decoder();
    private final byte[] code = new byte[Decoder.MAX_LENGTH];

    private int undefined;
    private int used;

    private long instructions;
    private int read;
    private int defines;
    private int undefines;
    private boolean result;

    /**
     * @param memory the guest's, by linear addresses
     */
    public UndefinedFlags(VcpuContext v, GuestCode.Bytes memory) {
        this.v = v;
        this.memory = memory;
    }

    /** At the start of a run. */
    public void clear() {
        undefined = 0;
        used = 0;
    }

    /** As bits of EFLAGS. */
    public int now() {
        return undefined;
    }

    /** Whether something that is undefined has become more than a flag: from there on all may. */
    public boolean used() {
        return used != 0;
    }

    /**
     * The flags that were undefined when they became more than flags: bits of an image of the
     * flags, or what was computed from them; {@link #ALL}: a result is undefined.
     */
    public int image() {
        return used;
    }

    /** Before an instruction is executed, or an event is delivered. */
    public void before() {
        instructions = v.instructions;
        read = 0;
        defines = 0;
        undefines = 0;
        result = false;
        if (v.codeBits != 64 || v.pendingVector >= 0) {
            return;
        }
        int n = 0;
        while (n < code.length) {
            int b = memory.at(GuestCode.next(v) + n);
            if (b < 0) {
                break;
            }
            code[n++] = (byte) b;
        }
        Decoded d = decoder.fields(code, n, 64);
        if (d != null && d.exists()) {
            effects(d);
        }
    }

    /**
     * After it.
     *
     * @param exit what {@code step} gave
     */
    public void after(int exit) {
        if (exit == VcpuLoop.EXIT_FAULT) {
            return; // nothing has happened yet
        }
        if (v.instructions == instructions) {
            // An event is delivered, which saves the flags; or an iteration of a repetition.
            used |= undefined;
            return;
        }
        used |= result ? ALL : read & undefined;
        undefined = undefined & ~defines | undefines;
    }

    private void effects(Decoded d) {
        FlagEffects f = d.row.definition.flags();
        read = f.read();
        if (d.row.condition >= 0) {
            read = CONDITIONS[d.row.condition >> 1];
        }
        if (SAVES.contains(d.mnemonic)) {
            read = -1;
        }
        defines = f.written();
        undefines = f.undefined() & FlagEffects.STATUS;
        boolean rotates = ROTATES.contains(d.mnemonic);
        if (rotates || SHIFTS.contains(d.mnemonic)) {
            shift(d, rotates);
        }
    }

    /** SDM 2B, "SAL/SAR/SHL/SHR", "SHLD", "RCL/RCR/ROL/ROR". */
    private void shift(Decoded d, boolean rotates) {
        boolean two = d.mnemonic.length() == 4;
        int size = 8 * (two || (d.opcode & 1) != 0 ? d.operandSize : 1);
        boolean byCl = two ? (d.opcode & 1) != 0 : (d.opcode & 0xFE) == 0xD2;
        long by = d.row.immediates.length > 0 ? d.imm : byCl ? v.gpr[Gpr.RCX] : 1;
        int count = (int) by & (size == 64 ? 63 : 31);
        if (count == 0) {
            read = 0;
            return;
        }
        undefines = (rotates ? 0 : AF) | (count == 1 ? 0 : OF);
        if (!rotates) {
            defines = CF | PF | ZF | SF;
        } else if (!d.mnemonic.startsWith("RC")) {
            defines = CF;
        }
        if (count == 1) {
            defines |= OF;
        }
        if (!rotates && count >= size) {
            undefines |= CF;
            if (two && count > size) {
                result = true;
            }
        }
        defines &= ~undefines;
    }
}
