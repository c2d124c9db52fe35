// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.op;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.memory.Mem;

/**
 * An instruction of any operand size whose E operand is a register or memory, for forms too rare to
 * deserve classes of their own. G is the register of ModR/M.reg. Values are zero-extended.
 */
public abstract class RmOp extends MemOp {
    /** Bytes: 1, 2, 4 or 8. */
    protected final int size;

    protected final boolean mem;

    /** All ones of the operand size. */
    protected final long mask;

    private final int rm;
    private final int rmShift;
    private final long rmKeep;
    private final int reg;
    private final int regShift;
    private final long regKeep;

    protected RmOp(Decoded d, int size) {
        this(d, size, d.rm);
    }

    /** With the E register given, for opcodes that imply it. */
    protected RmOp(Decoded d, int size, int rm) {
        super(d);
        this.size = size;
        mem = d.mem;
        mask = -1L >>> 64 - size * 8;
        this.rm = size == 1 ? d.byteRegister(rm) : rm;
        rmShift = size == 1 ? d.byteShift(rm) : 0;
        rmKeep = size >= 4 ? 0 : ~(mask << rmShift);
        reg = size == 1 ? d.byteRegister(d.reg) : d.reg;
        regShift = size == 1 ? d.byteShift(d.reg) : 0;
        regKeep = size >= 4 ? 0 : ~(mask << regShift);
    }

    /**
     * E for reading.
     *
     * @return hva (0 for a register) for {@link #get}, or negative: return FAULT
     */
    protected final long probe(VcpuContext v) {
        return mem ? read(v, size) : 0;
    }

    /** E for reading and writing. */
    protected final long probeRW(VcpuContext v) {
        return mem ? readWrite(v, size) : 0;
    }

    protected final long get(VcpuContext v, long hva) {
        return mem ? Mem.load(hva, size) : v.gpr[rm] >>> rmShift & mask;
    }

    /**
     * @return what execute returns
     */
    protected final int put(VcpuContext v, long hva, long value) {
        if (mem) {
            Mem.store(hva, size, value);
            return Mem.commit(v, hva);
        }
        v.gpr[rm] = v.gpr[rm] & rmKeep | (value & mask) << rmShift;
        return NEXT;
    }

    protected final long getG(VcpuContext v) {
        return v.gpr[reg] >>> regShift & mask;
    }

    protected final void putG(VcpuContext v, long value) {
        v.gpr[reg] = v.gpr[reg] & regKeep | (value & mask) << regShift;
    }

    /** Value sign-extended from the operand size. */
    protected final long signed(long value) {
        int s = 64 - size * 8;
        return value << s >> s;
    }
}
