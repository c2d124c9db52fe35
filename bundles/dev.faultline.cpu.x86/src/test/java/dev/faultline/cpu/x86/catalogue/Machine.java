// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.catalogue;

import dev.faultline.api.address.Page;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.oracle.ProcessMmu;
import dev.faultline.cpu.x86.state.Outcome;
import dev.faultline.testkit.cpu.CodedFaults;

/** A vCPU in user mode and 64-bit code, with the two pages of a {@link State}: runs vectors. */
final class Machine {
    private static final int[] SELECTORS = {Segments.ES, Segments.DS, Segments.FS, Segments.GS};
    private static final int PAGE = Page.SIZE;

    private final ProcessMmu mmu =
            new ProcessMmu(State.CODE_PAGE, State.DATA_PAGE, State.STACK_PAGE);
    private final Decoder decoder = new Decoder();
    private final VcpuContext v = new VcpuContext(0);

    Machine() {
        v.mmu = mmu;
        v.propagation = new CodedFaults();
        v.cr0 =
                VcpuContext.CR0_PG
                        | VcpuContext.CR0_AM
                        | VcpuContext.CR0_WP
                        | VcpuContext.CR0_NE
                        | VcpuContext.CR0_ET
                        | VcpuContext.CR0_MP
                        | VcpuContext.CR0_PE;
        v.cr4 =
                VcpuContext.CR4_PAE
                        | VcpuContext.CR4_OSFXSR
                        | VcpuContext.CR4_OSXMMEXCPT
                        | VcpuContext.CR4_FSGSBASE;
        v.efer =
                VcpuContext.EFER_LMA
                        | VcpuContext.EFER_LME
                        | VcpuContext.EFER_NXE
                        | VcpuContext.EFER_SCE;
    }

    /** Table line of an instruction, null if there is none. */
    Row row(byte[] code) {
        decode(code);
        return decoder.row();
    }

    /** How many bytes the decoder takes. */
    int length(byte[] code) {
        decode(code);
        return decoder.lastLength();
    }

    private Op decode(byte[] code) {
        byte[] padded = new byte[State.CODE_BYTES];
        System.arraycopy(code, 0, padded, 0, code.length);
        return decoder.decode(padded, padded.length, 64, (int) (State.START - State.CODE_PAGE));
    }

    /** The state after one instruction, or after the exception that it raises. */
    State run(State before, byte[] code) {
        load(before, code);
        Op op = decode(code);
        int result;
        do {
            result = op.execute(v);
        } while (result == Outcome.AGAIN);
        if (result == Outcome.NEXT || result == Outcome.END) {
            v.rip = before.longAt(State.RIP) + decoder.lastLength();
        }
        return store(before, result == Outcome.FAULT);
    }

    private void load(State s, byte[] code) {
        for (int i = 0; i < 16; i++) {
            v.gpr[i] = s.longAt(State.GPR + 8 * i);
        }
        segments(s);
        v.setFlags((int) s.longAt(State.FLAGS));
        v.recompute();
        v.rip = s.longAt(State.RIP);
        v.engineBase = State.CODE_PAGE;
        for (int i = 0; i < 32; i++) {
            v.xmm[i] = s.longAt(State.XMM + 8 * i);
        }
        v.mxcsr = s.intAt(State.MXCSR);
        loadFpu(s);
        mmu.setCode(code);
        HostBytes.copyIn(s.bytes(State.DATA, PAGE), 0, mmu.data.address(), PAGE);
        HostBytes.copyIn(s.bytes(State.STACK, PAGE), 0, mmu.stack.address(), PAGE);
    }

    private void segments(State s) {
        int data = Segments.P | Segments.S | 3 << Segments.DPL_SHIFT | Segments.TYPE_RW | 1;
        int code = data | Segments.TYPE_CODE | Segments.G | Segments.L;
        segment(Segments.CS, 0x33, 0, code);
        segment(Segments.SS, 0x2B, 0, data | Segments.G | Segments.DB);
        for (int i = 0; i < 4; i++) {
            int selector = s.shortAt(State.SELECTORS + 2 * i);
            long base = i < 2 ? 0 : s.longAt(State.FS_BASE + 8 * (i - 2));
            int kind = selector == 0 ? Segments.UNUSABLE : data | Segments.G | Segments.DB;
            segment(SELECTORS[i], selector, base, kind);
        }
    }

    private void segment(int i, int selector, long base, int attributes) {
        v.segSel[i] = selector;
        v.segBase[i] = base;
        v.segLimit[i] = (attributes & Segments.UNUSABLE) != 0 ? 0 : -1;
        v.segAttr[i] = attributes;
    }

    private void loadFpu(State s) {
        v.fcw = s.shortAt(State.FCW);
        v.fsw = s.shortAt(State.FSW);
        v.fpTag = s.shortAt(State.TAGS);
        for (int i = 0; i < 8; i++) {
            int p = s.top() + i & 7;
            v.fpSig[p] = s.longAt(State.ST + 16 * i);
            v.fpExp[p] = (short) s.shortAt(State.ST + 16 * i + 8);
        }
        v.fop = 0;
        v.fip = 0;
        v.fdp = 0;
        v.fcs = 0;
        v.fds = 0;
    }

    private State store(State before, boolean raised) {
        State s = before.copy();
        if (raised) {
            s.putInt(State.EXCEPTION, v.fault.vector);
            s.putLong(State.ERROR_CODE, Math.max(v.fault.errorCode, 0));
        }
        for (int i = 0; i < 16; i++) {
            s.putLong(State.GPR + 8 * i, v.gpr[i]);
        }
        s.putLong(State.FLAGS, v.getFlags());
        s.putLong(State.RIP, v.rip);
        for (int i = 0; i < 4; i++) {
            s.putShort(State.SELECTORS + 2 * i, v.segSel[SELECTORS[i]]);
        }
        s.putLong(State.FS_BASE, v.segBase[Segments.FS]);
        s.putLong(State.GS_BASE, v.segBase[Segments.GS]);
        for (int i = 0; i < 32; i++) {
            s.putLong(State.XMM + 8 * i, v.xmm[i]);
        }
        s.putInt(State.MXCSR, v.mxcsr);
        storeFpu(s);
        byte[] page = new byte[PAGE];
        HostBytes.copyOut(mmu.data.address(), page, 0, PAGE);
        s.putBytes(State.DATA, page);
        HostBytes.copyOut(mmu.stack.address(), page, 0, PAGE);
        s.putBytes(State.STACK, page);
        return s;
    }

    private void storeFpu(State s) {
        s.putShort(State.FCW, v.fcw);
        s.putShort(State.FSW, v.fsw);
        s.putShort(State.TAGS, v.fpTag);
        for (int i = 0; i < 8; i++) {
            int p = s.top() + i & 7;
            s.putLong(State.ST + 16 * i, v.fpSig[p]);
            s.putShort(State.ST + 16 * i + 8, v.fpExp[p]);
        }
    }
}
