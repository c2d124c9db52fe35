// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.insn.system;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.x86.debug.Debug;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.run.RunLoop;
import dev.faultline.cpu.x86.run.Stepping;
import dev.faultline.cpu.x86.segment.SegmentLoads;
import dev.faultline.cpu.x86.state.Outcome;
import dev.faultline.cpu.x86.state.StandardCpuid;
import dev.faultline.testkit.cpu.CodedFaults;
import dev.faultline.testkit.cpu.FakeInterrupts;
import dev.faultline.testkit.cpu.FlatMmu;
import dev.faultline.testkit.cpu.RecordingBus;
import dev.faultline.testkit.cpu.StoppedClock;
import dev.faultline.testkit.memory.FakeBlock;
import dev.faultline.testkit.memory.FakeMemory;
import dev.faultline.testkit.memory.FakeProtection;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;

/**
 * A vCPU over flat memory: linear = physical, 1 MiB and a page more, whatever CR0.PG says; pages
 * can be stopped, one access at a time can be counted. Set-ups are bytes in guest memory, code is
 * bytes, a step is one instruction through the real run loop.
 */
final class Rig implements VcpuLoop {
    static final int SIZE = 0x11_0000;

    // Layout of what the builders below write.
    static final int GDT = 0x1000;
    static final int IDT = 0x2000;
    static final int TSS = 0x3000;
    static final int TSS2 = 0x3400;
    static final int LDT = 0x3800;
    static final int CODE = 0x8000;
    static final int STACK3 = 0x6000;
    static final int STACK0 = 0x7000;

    // Selectors of the standard GDT.
    static final int CS0 = 0x08;
    static final int DS0 = 0x10;
    static final int CS3 = 0x1B;
    static final int DS3 = 0x23;
    static final int CS64 = 0x28;
    static final int CS64_3 = 0x33;
    static final int TR = 0x40;
    static final int CS16 = 0x50;
    static final int DS16 = 0x58;
    static final int CONFORMING = 0x60;
    static final int TR2 = 0x68;
    static final int FREE = 0x80;

    final VcpuContext v = new VcpuContext(0);
    private final Arena arena = Arena.ofAuto();
    private final MemorySegment ram = arena.allocate(SIZE, 4096);
    final long hva = ram.address();
    private final FakeMemory memory = new FakeMemory(40);
    final FakeProtection protection = new FakeProtection(SIZE);
    final FakeInterrupts interrupts = new FakeInterrupts();
    final RecordingBus bus = new RecordingBus(0x1234_5678);

    /** Counts translations; the one with this number (from 0) is stopped; -1: none. */
    int stopAt = -1;

    int translations;
    boolean badPdptes;
    int flushes;
    private final Decoder decoder = new Decoder();

    Rig() {
        memory.map(0, SIZE, new FakeBlock("ram", hva, SIZE), 0, false);
        v.mmu = new Pages();
        v.bus = bus;
        v.interrupts = interrupts;
        v.clock = new StoppedClock(5, 0x1_0000_0005L);
        v.propagation = new CodedFaults();
        v.reset(new StandardCpuid());
    }

    // ---- guest memory

    Rig put(int at, int size, long value) {
        for (int i = 0; i < size; i++) {
            HostBytes.put8(hva + at + i, (byte) (value >>> 8 * i));
        }
        return this;
    }

    long get(long at, int size) {
        long x = 0;
        for (int i = 0; i < size; i++) {
            x |= (HostBytes.get8(hva + at + i) & 0xFFL) << 8 * i;
        }
        return x;
    }

    /** Code bytes at {@link #CODE}, in hexadecimal. */
    Rig code(String hex) {
        return bytes(CODE, hex);
    }

    Rig bytes(int at, String hex) {
        byte[] b = HexFormat.of().parseHex(hex.replace(" ", ""));
        HostBytes.copyIn(b, 0, hva + at, b.length);
        return this;
    }

    // ---- descriptors

    static long descriptor(long base, long limit, int attributes) {
        return limit & 0xFFFF
                | (base & 0xFF_FFFF) << 16
                | (attributes & 0xF0FFL) << 40
                | (limit >>> 16 & 0xF) << 48
                | (base >>> 24 & 0xFF) << 56;
    }

    Rig gdt(int selector, long descriptor) {
        return put(GDT + (selector & 0xFFF8), 8, descriptor);
    }

    /** Low byte: type, S, DPL, P. */
    static long gate(int type, int dpl, int selector, long offset, int ist) {
        return offset & 0xFFFF
                | (long) selector << 16
                | (long) ist << 32
                | (0x80L | dpl << 5 | type) << 40
                | (offset >>> 16 & 0xFFFF) << 48;
    }

    Rig idt32(int vector, long gate) {
        return put(IDT + 8 * vector, 8, gate);
    }

    Rig idt64(int vector, long gate, long high) {
        return put(IDT + 16 * vector, 8, gate).put(IDT + 16 * vector + 8, 8, high);
    }

    // ---- modes

    /** The standard GDT: flat 32- and 64-bit segments of rings 0 and 3, 16-bit ones, two TSSs. */
    private void tables() {
        gdt(CS0, descriptor(0, 0xF_FFFF, 0xC09B));
        gdt(DS0, descriptor(0, 0xF_FFFF, 0xC093));
        gdt(CS3, descriptor(0, 0xF_FFFF, 0xC0FB));
        gdt(DS3, descriptor(0, 0xF_FFFF, 0xC0F3));
        gdt(CS64, descriptor(0, 0xF_FFFF, 0xA09B));
        gdt(CS64_3, descriptor(0, 0xF_FFFF, 0xA0FB));
        gdt(TR, descriptor(TSS, 0xFF, 0x0089));
        gdt(CS16, descriptor(0, 0xFFFF, 0x009B));
        gdt(DS16, descriptor(0, 0xFFFF, 0x0093));
        gdt(CONFORMING, descriptor(0, 0xF_FFFF, 0xC09F));
        gdt(TR2, descriptor(TSS2, 0x67, 0x0089));
        v.gdtBase = GDT;
        v.gdtLimit = 0xFF;
        v.idtBase = IDT;
        v.idtLimit = 0xFFF;
        put(TSS + 4, 4, STACK0);
        put(TSS + 8, 4, DS0);
    }

    private void segment(int seg, int selector) {
        SegmentLoads.set(v, seg, selector, get(GDT + (selector & 0xFFF8), 8));
    }

    private Rig start(int cs, int ss, long sp) {
        segment(Segments.CS, cs);
        for (int s : new int[] {Segments.SS, Segments.DS, Segments.ES, Segments.FS, Segments.GS}) {
            segment(s, ss);
        }
        segment(Segments.TR, TR);
        v.segAttr[Segments.TR] = 0x8B;
        put(GDT + TR + 5, 1, 0x8B);
        v.gpr[4] = sp;
        v.rip = CODE;
        v.recompute();
        return this;
    }

    Rig real() {
        SegmentLoads.real(v, Segments.CS, 0);
        v.gpr[4] = STACK0;
        v.rip = CODE;
        v.idtLimit = 0x3FF;
        v.recompute();
        return this;
    }

    Rig protected32(int cpl) {
        tables();
        v.cr0 |= VcpuContext.CR0_PE;
        return cpl == 0 ? start(CS0, DS0, STACK0 - 0x400) : start(CS3, DS3, STACK3);
    }

    /** Virtual-8086 mode, IOPL as given, segments at 0. */
    Rig v86(int iopl) {
        protected32(3);
        v.eflags |= VcpuContext.VM | iopl << 12;
        for (int s = 0; s < 6; s++) {
            SegmentLoads.real(v, s, 0);
        }
        v.recompute();
        return this;
    }

    Rig long64(int cpl) {
        tables();
        v.cr0 |= VcpuContext.CR0_PE | 0x8000_0000L;
        v.cr4 |= VcpuContext.CR4_PAE;
        v.efer |= VcpuContext.EFER_LME | VcpuContext.EFER_LMA | VcpuContext.EFER_SCE;
        put(TSS + 4, 8, STACK0);
        return cpl == 0 ? start(CS64, DS0, STACK0 - 0x400) : start(CS64_3, DS3, STACK3);
    }

    // ---- running

    /**
     * Executes one instruction, or delivers what it raises.
     *
     * @return the run loop's exit
     */
    int step() {
        return RunLoop.run(this, v, true);
    }

    /** Executes one instruction without delivering what it raises: the recorded vector, or -1. */
    int raises() {
        v.fault.kind = PendingFault.NONE;
        int x = loop(v);
        return x == EXIT_FAULT ? v.fault.vector : -1;
    }

    Rig steps(int n) {
        for (int i = 0; i < n; i++) {
            step();
        }
        return this;
    }

    @Override
    public int loop(VcpuContext v) {
        if (Debug.before(v) != 0) {
            return EXIT_FAULT;
        }
        byte[] b = new byte[Decoder.MAX_LENGTH];
        long lin = v.effBase[Segments.CS] + v.rip & v.ripMask;
        HostBytes.copyOut(hva + lin, b, 0, b.length);
        v.engineBase = v.rip;
        Op op = decoder.decode(b, b.length, v.codeBits, 0);
        int flags = v.eflags;
        int r = op.execute(v);
        if (r < 0) {
            return EXIT_FAULT;
        }
        if (r == Outcome.NEXT || r == Outcome.END || r == Outcome.HALT) {
            v.rip = v.engineBase + decoder.lastLength() & v.ripMask;
        }
        if (r == Outcome.WAIT) {
            Stepping.waits(v);
            return EXIT_REQUEST;
        }
        if (r == Outcome.AGAIN) {
            v.repeating(true);
        } else {
            v.instructions++;
        }
        if (Debug.after(v, flags, r == Outcome.AGAIN) != 0) {
            return EXIT_FAULT;
        }
        return r == Outcome.HALT ? EXIT_HALT : EXIT_REQUEST;
    }

    @Override
    public void unwound(VcpuContext v) {
        // rip was never moved.
    }

    /** Everything that a failed instruction must not change, and all of memory. */
    String state() {
        StringBuilder s = new StringBuilder();
        for (int i = 0; i < 16; i++) {
            s.append(Long.toHexString(v.gpr[i])).append(' ');
        }
        s.append(Long.toHexString(v.rip)).append(" f").append(Integer.toHexString(v.getFlags()));
        for (int i = 0; i < Segments.COUNT; i++) {
            s.append(
                    "%n%x %x %x %x"
                            .formatted(v.segSel[i], v.segBase[i], v.segLimit[i], v.segAttr[i]));
        }
        s.append("%n%x %x %x %x".formatted(v.cr0, v.cr3, v.cr4, v.efer));
        s.append(java.util.Arrays.toString(v.dr)).append(v.cpl).append(' ').append(v.codeBits);
        s.append(java.util.Arrays.hashCode(ram.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE)));
        return s.toString();
    }

    // ---- translation

    /** Of nothing but RAM. */
    private final class Pages extends FlatMmu {
        Pages() {
            super(memory, protection);
        }

        @Override
        public long fill(VcpuContext v, long lin, int size, int access, FaultOrigin origin) {
            if (translations++ == stopAt) {
                v.fault.protectedPage(access & 7, 0, origin, lin, lin, hva + lin, 0);
                return FAULTED;
            }
            if (lin < 0 || lin >= SIZE) {
                v.fault.guest(14, 0);
                v.fault.gva = lin;
                return FAULTED;
            }
            return super.fill(v, lin, size, access, origin);
        }

        @Override
        public long loadPdptes(VcpuContext v, long cr3) {
            if (badPdptes) {
                v.fault.guest(13, 0);
                return FAULTED;
            }
            return super.loadPdptes(v, cr3);
        }

        @Override
        public void invalidatePage(VcpuContext v, long lin) {
            flushes++;
        }

        @Override
        public void flush(VcpuContext v) {
            flushes++;
            super.flush(v);
        }
    }
}
