// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.internal;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.fault.coded.internal.CodedPropagation;
import dev.faultline.fault.thrown.internal.ThrownPropagation;
import dev.faultline.memory.internal.GuestMemoryFactoryComponent;
import dev.faultline.mmu.internal.PagingMmuFactory;
import dev.faultline.platform.posix.internal.PosixHostMemoryComponent;
import dev.faultline.protection.internal.RamProtectionFactoryComponent;
import dev.faultline.testkit.cpu.FakeInterrupts;
import dev.faultline.testkit.cpu.NoDevices;
import dev.faultline.testkit.cpu.StoppedClock;
import java.util.HexFormat;
import java.util.function.IntPredicate;
import java.util.function.IntUnaryOperator;

/**
 * A vCPU in 64-bit mode at CPL 0 over the real memory, protection and MMU: 2 MiB of RAM, mapped one
 * to one in pages of 4 KiB. Several of one machine share these. Also what the benchmarks run on.
 */
public final class LongModeVcpu implements AutoCloseable {
    public static final int RAM = 2 << 20;
    public static final int CODE = 0x10000;
    public static final int DATA = 0x20000;
    public static final int STACK = 0x31000;

    private static final int PML4 = 0x1000;
    private static final int PDPT = 0x2000;
    private static final int PD = 0x3000;
    private static final int PT = 0x4000;
    private static final int PRESENT_WRITABLE = 3;
    private static final int GLOBAL = 0x100;

    public final VcpuContext v;
    public final GuestMemory memory;
    public final RamProtection protection;
    public final Mmu mmu;
    public final VcpuEngine engine;
    private final boolean first;

    /** On the interpreter. */
    public LongModeVcpu(String style) {
        this(new InterpreterFactory(), style);
    }

    public LongModeVcpu(VcpuEngineFactory engines, String style) {
        this(engines, style, null, 0);
    }

    /**
     * Another vCPU of the machine that {@code of} belongs to; closed before it.
     *
     * @param index of the vCPU in the machine
     */
    public LongModeVcpu(VcpuEngineFactory engines, String style, LongModeVcpu of, int index) {
        first = of == null;
        v = first ? new VcpuContext(0) : new VcpuContext(index, of.v.busLock);
        if (first) {
            memory = new GuestMemoryFactoryComponent(new PosixHostMemoryComponent()).create(40);
            memory.map(0, RAM, memory.addBlock("ram", RAM), 0, false);
            protection = new RamProtectionFactoryComponent().create(memory);
            mmu = new PagingMmuFactory().create(memory, protection);
        } else {
            memory = of.memory;
            protection = of.protection;
            mmu = of.mmu;
        }
        v.mmu = mmu;
        v.propagation = style(style);
        v.bus = new NoDevices();
        v.interrupts = new FakeInterrupts();
        v.clock = new StoppedClock();
        v.bindThread(Thread.currentThread());
        mmu.attach(v);
        v.reset(engines.cpuid());
        if (first) {
            pageTables();
        }
        longMode();
        engine = engines.create(v);
    }

    public static FaultPropagation style(String style) {
        return style.equals("thrown") ? new ThrownPropagation() : new CodedPropagation();
    }

    private void pageTables() {
        put64(PML4, PDPT | PRESENT_WRITABLE);
        put64(PDPT, PD | PRESENT_WRITABLE);
        put64(PD, PT | PRESENT_WRITABLE);
        for (int i = 0; i < 512; i++) {
            map(i << 12, i << 12);
        }
    }

    /** Maps a linear page; the guest's INVLPG is not included. */
    public void map(int lin, int gpa) {
        put64(entryOf(lin), gpa | PRESENT_WRITABLE);
    }

    /**
     * Maps a linear page from 2 to 4 MiB.
     *
     * @param table gpa of the page for its page table
     */
    public void mapBehind(int table, int lin, int gpa) {
        put64(PD + 8, table | PRESENT_WRITABLE);
        put64(table + (lin >>> 12 & 511) * 8, gpa | PRESENT_WRITABLE);
    }

    /** gpa, and linear address, of the page-table entry of a linear page. */
    public static int entryOf(int lin) {
        return PT + (lin >>> 12) * 8;
    }

    /**
     * Another set of page tables.
     *
     * @param pml4 gpa of the first of four pages in a row
     * @param gpa where each linear page is
     */
    public void secondPageTables(int pml4, IntUnaryOperator gpa) {
        for (int i = 0; i < 3; i++) {
            put64(pml4 + i * 0x1000, pml4 + (i + 1) * 0x1000 | PRESENT_WRITABLE);
        }
        for (int i = 0; i < 512; i++) {
            put64(pml4 + 0x3000 + i * 8, gpa.applyAsInt(i << 12) | PRESENT_WRITABLE);
        }
    }

    /** Sets the global bit of pages here and in the {@link #secondPageTables}. */
    public void makeGlobal(IntPredicate lin, int secondPml4) {
        for (int i = 0; i < 512; i++) {
            if (lin.test(i << 12)) {
                for (int at : new int[] {PT, secondPml4 + 0x3000}) {
                    put64(at + i * 8, get64(at + i * 8) | GLOBAL);
                }
            }
        }
    }

    private void longMode() {
        v.cr3 = PML4;
        v.cr4 = VcpuContext.CR4_PAE;
        v.efer = VcpuContext.EFER_LME | VcpuContext.EFER_LMA;
        v.cr0 = VcpuContext.CR0_PE | VcpuContext.CR0_PG | VcpuContext.CR0_WP | VcpuContext.CR0_ET;
        for (int i = 0; i < 6; i++) {
            v.segSel[i] = i == Segments.CS ? 8 : 16;
            v.segBase[i] = 0;
            v.segLimit[i] = -1;
            v.segAttr[i] =
                    Segments.P
                            | Segments.S
                            | Segments.G
                            | Segments.TYPE_RW
                            | Segments.TYPE_ACCESSED;
        }
        v.segAttr[Segments.CS] |= Segments.TYPE_CODE | Segments.L;
        v.recompute();
        v.flushTranslations();
        v.gpr[4] = STACK;
        start(CODE);
    }

    /** The next run starts here, from zero instructions. */
    public void start(long rip) {
        v.rip = rip;
        v.instructions = 0;
        v.activity = VcpuContext.RUNNING;
    }

    /** Writes code or data past the vCPU, as a loader does. */
    public void put(int gpa, String hex) {
        byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
        HostBytes.copyIn(bytes, 0, memory.hvaOf(gpa), bytes.length);
    }

    public void put64(int gpa, long value) {
        HostBytes.put64(memory.hvaOf(gpa), value);
    }

    public long get64(int gpa) {
        return HostBytes.get64(memory.hvaOf(gpa));
    }

    @Override
    public void close() {
        engine.close();
        mmu.detach(v);
        if (first) {
            mmu.close();
            protection.close();
            memory.close();
        }
    }
}
