// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Atomic;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Flags;
import dev.faultline.cpu.x86.Mem;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.RmOp;

/**
 * Read-modify-write of memory with a LOCK prefix, for all operations and sizes. SDM 2A,
 * "LOCK-Assert LOCK# Signal Prefix".
 */
final class Locked extends RmOp {
    static final int ADD = 0;
    static final int OR = 1;
    static final int ADC = 2;
    static final int SBB = 3;
    static final int AND = 4;
    static final int SUB = 5;
    static final int XOR = 6;
    static final int NOT = 7;
    static final int NEG = 8;
    static final int INC = 9;
    static final int DEC = 10;
    static final int XADD = 11;

    private final int operation;
    private final boolean immediate;
    private final long imm;
    private final int shift;

    private Locked(Decoded d, int operation, int size) {
        super(d, size);
        this.operation = operation;
        immediate = d.entry.operands.contains("I");
        imm = d.imm;
        shift = 64 - size * 8;
    }

    static Op make(Decoded d, int operation, int size) {
        return new Locked(d, operation, size);
    }

    @Override
    public int execute(VcpuContext v) {
        long h = locked(v, size);
        if (h < 0) {
            return FAULT;
        }
        long b = immediate ? imm : getG(v);
        long old;
        if (Atomic.possible(v, h)) {
            long aux = v.flagAux;
            long res = v.flagRes;
            long now;
            do {
                v.flagAux = aux;
                v.flagRes = res;
                old = Atomic.get(h, size);
                now = apply(v, old, b);
            } while (!Atomic.cas(h, size, old, now));
        } else {
            old = Mem.load(h, size);
            Mem.store(h, size, apply(v, old, b));
        }
        if (operation == XADD) {
            putG(v, old);
        }
        return Mem.commitLocked(v, h);
    }

    private long apply(VcpuContext v, long a, long b) {
        return switch (operation) {
            case ADD, XADD -> add(v, a, b, 0);
            case ADC -> add(v, a, b, v.flagAux >>> 63);
            case SUB -> sub(v, a, b, 0);
            case SBB -> sub(v, a, b, v.flagAux >>> 63);
            case AND -> Flags.logicSmall(v, a & b, shift);
            case OR -> Flags.logicSmall(v, a | b, shift);
            case XOR -> Flags.logicSmall(v, a ^ b, shift);
            case NOT -> ~a;
            case NEG -> sub(v, 0, a, 0);
            case INC -> step(v, a, true);
            case DEC -> step(v, a, false);
            default -> throw new IllegalStateException("locked operation " + operation);
        };
    }

    private long step(VcpuContext v, long a, boolean up) {
        long aux = v.flagAux;
        long r = up ? add(v, a, 1, 0) : sub(v, a, 1, 0);
        Flags.keepCarry(v, aux);
        return r;
    }

    private long add(VcpuContext v, long a, long b, long carry) {
        return Flags.addSmall(v, a, b, carry, shift);
    }

    private long sub(VcpuContext v, long a, long b, long borrow) {
        return Flags.subSmall(v, a, b, borrow, shift);
    }
}
