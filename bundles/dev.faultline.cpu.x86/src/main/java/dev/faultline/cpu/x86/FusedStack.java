// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86;

import static dev.faultline.api.cpu.Gpr.RSP;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import java.util.Arrays;

/**
 * Runs of PUSH and POP in 64-bit code whose bytes are in one page that is at hand; otherwise the
 * parts do it.
 */
abstract class FusedStack extends FusedOp {
    /** Registers in a run at most: what one translation covers, a return address included. */
    static final int MOST = 7;

    final Op[] all;

    /** In the order of the instructions. */
    final int[] registers;

    private FusedStack(Op[] parts, int[] registers) {
        super(parts);
        all = parts;
        this.registers = registers;
    }

    static boolean takes(int register) {
        return register != RSP;
    }

    static Op[] more(FusedStack run, Op next) {
        Op[] parts = Arrays.copyOf(run.all, run.all.length + 1);
        parts[run.all.length] = next;
        return parts;
    }

    static int[] more(FusedStack run, int register) {
        int[] r = Arrays.copyOf(run.registers, run.registers.length + 1);
        r[run.registers.length] = register;
        return r;
    }

    static final class Pushes extends FusedStack {
        Pushes(Op[] parts, int... registers) {
            super(parts, registers);
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            int[] from = registers;
            int bytes = from.length << 3;
            long sp = r[RSP] - bytes;
            long h = Mem.writeHit(v, sp, bytes);
            if (h < 0) {
                return apart(v);
            }
            h += bytes;
            for (int i : from) {
                h -= 8;
                HostBytes.put64(h, r[i]);
            }
            r[RSP] = sp;
            v.instructions += from.length - 1;
            return NEXT;
        }
    }

    static final class Pops extends FusedStack {
        Pops(Op[] parts, int... registers) {
            super(parts, registers);
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            int[] to = registers;
            int bytes = to.length << 3;
            long sp = r[RSP];
            long h = Mem.readHit(v, sp, bytes);
            if (h < 0) {
                return apart(v);
            }
            for (int i : to) {
                r[i] = HostBytes.get64(h);
                h += 8;
            }
            r[RSP] = sp + bytes;
            v.instructions += to.length - 1;
            return NEXT;
        }
    }

    /** Pops, then a RET. */
    static final class Return extends FusedStack {
        Return(Op[] parts, int... registers) {
            super(parts, registers);
        }

        @Override
        public int execute(VcpuContext v) {
            long[] r = v.gpr;
            int[] to = registers;
            int bytes = to.length << 3;
            long sp = r[RSP];
            long h = Mem.readHit(v, sp, bytes + 8);
            if (h < 0) {
                return apart(v);
            }
            long target = HostBytes.get64(h + bytes);
            if (!VcpuContext.canonical(target)) {
                return apart(v);
            }
            for (int i : to) {
                r[i] = HostBytes.get64(h);
                h += 8;
            }
            r[RSP] = sp + bytes + 8;
            v.rip = target;
            v.instructions += to.length;
            return JUMP;
        }
    }
}
