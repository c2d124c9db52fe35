// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.sweep;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.state.StandardCpuid;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/**
 * The modes that every instruction runs in, and the guest's tables for them. Every table lies
 * across two pages; with paging, neighbouring pages are swapped, so that the next linear page is
 * never the next physical one.
 */
enum SweepMode {
    LONG0(64, 0),
    LONG3(64, 3),
    COMPAT3(32, 3),
    PAE0(32, 0),
    LEGACY3(32, 3),
    SMALL0(16, 0),
    SMALL3(16, 3),
    REAL(16, 0),
    V86(16, 3);

    // Linear addresses. Sixteen-bit segments begin at BASE.
    static final int BASE = 0x1_0000;
    static final int GDT = 0x2FC0;
    static final int IDT = 0x4FB8;
    static final int TSS = 0x7FE4;
    static final int TSS2 = 0x9FD8;
    static final int LDT = 0xBFF4;
    static final int STACK0 = 0xE00C;
    static final int CODE = 0x1_1000;
    static final int TARGET = 0x1_3000;
    static final int STACK = 0x1_6000;
    static final int DATA = 0x1_8000;
    static final int DATA_END = 0x1_E000;

    // Selectors.
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
    static final int LDTR = 0x78;
    static final int CALL_GATE = 0x88;
    static final int TASK_GATE = 0x98;
    static final int CS16_3 = 0xA3;
    static final int DS16_3 = 0xAB;
    static final int ABSENT = 0xB0;
    static final int CALL_GATE16 = 0xB8;

    final int codeBits;
    final int cpl;

    SweepMode(int codeBits, int cpl) {
        this.codeBits = codeBits;
        this.cpl = cpl;
    }

    boolean longMode() {
        return this == LONG0 || this == LONG3 || this == COMPAT3;
    }

    /** Segments begin here. */
    int base() {
        return codeBits == 16 ? BASE : 0;
    }

    /** Guest-physical address of a linear one below {@link SweepMachine#RAM}. */
    int gpa(int lin) {
        return this == REAL ? lin : lin ^ 0x1000;
    }

    int codeSelector() {
        return switch (this) {
            case LONG0 -> CS64;
            case LONG3 -> CS64_3;
            case COMPAT3, LEGACY3 -> CS3;
            case PAE0 -> CS0;
            case SMALL0 -> CS16;
            case SMALL3 -> CS16_3;
            case REAL, V86 -> BASE >> 4;
        };
    }

    int dataSelector() {
        return switch (this) {
            case LONG0, PAE0 -> DS0;
            case LONG3, COMPAT3, LEGACY3 -> DS3;
            case SMALL0 -> DS16;
            case SMALL3 -> DS16_3;
            case REAL, V86 -> BASE >> 4;
        };
    }

    /** Writes the guest's memory: tables, targets full of HLT, data. */
    void fill(MemorySegment image, Random random) {
        byte[] bytes = new byte[SweepMachine.RAM];
        random.nextBytes(bytes);
        MemorySegment.copy(bytes, 0, image, ValueLayout.JAVA_BYTE, 0, bytes.length);
        for (int lin = 0x1_0000; lin < 0x1_4000; lin += 8) {
            put(image, lin, 8, 0xF4F4_F4F4_F4F4_F4F4L);
        }
        for (int lin = 0; lin < 0xC100; lin += 8) {
            put(image, lin, 8, 0);
        }
        descriptors(image);
        gates(image, random);
        tasks(image);
        paging(image, random);
    }

    void put(MemorySegment image, int lin, int size, long value) {
        for (int i = 0; i < size; i++) {
            image.set(ValueLayout.JAVA_BYTE, gpa(lin + i), (byte) (value >>> 8 * i));
        }
    }

    private static long descriptor(long base, long limit, int attributes) {
        return limit & 0xFFFF
                | (base & 0xFF_FFFF) << 16
                | (attributes & 0xF0FFL) << 40
                | (limit >>> 16 & 0xF) << 48
                | (base >>> 24 & 0xFF) << 56;
    }

    private static long gate(int type, int selector, long offset, int ist) {
        return offset & 0xFFFF
                | (long) selector << 16
                | (long) ist << 32
                | (0xE0L | type) << 40
                | (offset >>> 16 & 0xFFFF) << 48;
    }

    /** Some without their accessed bit. */
    private void descriptors(MemorySegment image) {
        gdt(image, CS0, descriptor(0, 0xF_FFFF, 0xC09A));
        gdt(image, DS0, descriptor(0, 0xF_FFFF, 0xC092));
        gdt(image, CS3, descriptor(0, 0xF_FFFF, 0xC0FA));
        gdt(image, DS3, descriptor(0, 0xF_FFFF, 0xC0F2));
        gdt(image, CS64, descriptor(0, 0xF_FFFF, 0xA09A));
        gdt(image, CS64_3, descriptor(0, 0xF_FFFF, 0xA0FB));
        gdt(image, TR, descriptor(TSS, 0xFF, 0x008B));
        gdt(image, CS16, descriptor(BASE, 0xFFFF, 0x009A));
        gdt(image, DS16, descriptor(BASE, 0xFFFF, 0x0092));
        gdt(image, CONFORMING, descriptor(0, 0xF_FFFF, 0xC09E));
        gdt(image, TR2, descriptor(TSS2, 0x67, 0x00E9));
        gdt(image, LDTR, descriptor(LDT, 0x1F, 0x0082));
        boolean wide = longMode();
        gdt(image, CALL_GATE, gate(0xC, wide ? CS64 : CS0, TARGET, wide ? 0 : 3));
        gdt(image, TASK_GATE, gate(0x5, TR2, 0, 0));
        gdt(image, CS16_3, descriptor(BASE, 0xFFFF, 0x00FA));
        gdt(image, DS16_3, descriptor(BASE, 0xFFFF, 0x00F2));
        gdt(image, ABSENT, descriptor(0, 0xFFFF, 0x0012));
        gdt(image, CALL_GATE16, gate(4, CS16, TARGET - BASE, 2));
        for (int i = 0; i < 4; i++) {
            put(image, LDT + 8 * i, 8, descriptor(0, 0xF_FFFF, i < 2 ? 0xC0FA : 0xC0F2));
        }
    }

    private void gdt(MemorySegment image, int selector, long descriptor) {
        put(image, GDT + (selector & 0xFFF8), 8, descriptor);
    }

    private void gates(MemorySegment image, Random random) {
        for (int i = 0; i < 48; i++) {
            int offset = TARGET + random.nextInt(64);
            if (this == REAL || this == V86) {
                put(image, 4 * i, 4, offset - BASE | (long) BASE >> 4 << 16);
            }
            if (longMode()) {
                put(image, IDT + 16 * i, 8, gate(0xE, CS64, offset, (i & 1) != 0 ? 1 : 0));
                put(image, IDT + 16 * i + 8, 8, 0);
            } else if (this != REAL) {
                boolean task = i == 7 || i == 0x22;
                boolean small = i % 5 == 1;
                put(
                        image,
                        IDT + 8 * i,
                        8,
                        task
                                ? gate(5, TR2, 0, 0)
                                : small
                                        ? gate(6, CS16, offset - BASE, 0)
                                        : gate(0xE, CS0, offset, 0));
            }
        }
    }

    private void tasks(MemorySegment image) {
        if (longMode()) {
            put(image, TSS + 4, 8, STACK0);
            put(image, TSS + 0x24, 8, STACK0 - 0x800);
        } else {
            put(image, TSS + 4, 4, STACK0);
            put(image, TSS + 8, 4, DS0);
        }
        // Back link, for IRET with NT.
        put(image, TSS, 2, TR2);
        put(image, TSS + 0x66, 2, 0x68);
        put(image, TSS + 0xF0, 8, -1);
        put(image, TSS + 0xF8, 8, -1);
        put(image, TSS2 + 4, 4, STACK0);
        put(image, TSS2 + 8, 4, DS0);
        put(image, TSS2 + 0x1C, 4, SweepMachine.TABLES);
        put(image, TSS2 + 0x20, 4, TARGET);
        put(image, TSS2 + 0x24, 4, 2);
        put(image, TSS2 + 0x38, 4, STACK);
        int[] selectors = {DS0, CS0, DS0, DS0, DS0, DS0, LDTR};
        for (int i = 0; i < selectors.length; i++) {
            put(image, TSS2 + 0x48 + 4 * i, 4, selectors[i]);
        }
    }

    /** The accessed and dirty bits of about half of the entries are set. */
    private void paging(MemorySegment image, Random random) {
        for (int at = SweepMachine.TABLES; at < SweepMachine.TABLES_END; at += 8) {
            image.set(ValueLayout.JAVA_LONG_UNALIGNED, at, 0L);
        }
        int t = SweepMachine.TABLES;
        boolean legacy = this == LEGACY3 || this == SMALL0 || this == SMALL3 || this == V86;
        if (legacy) {
            entry(image, t, 4, t + 0x1000, random);
            pages(image, t + 0x1000, 4, random);
        } else if (this == PAE0) {
            image.set(ValueLayout.JAVA_LONG_UNALIGNED, t, t + 0x1000L | 1);
            entry(image, t + 0x1000, 8, t + 0x2000, random);
            pages(image, t + 0x2000, 8, random);
        } else if (longMode()) {
            entry(image, t, 8, t + 0x1000, random);
            entry(image, t + 0x1000, 8, t + 0x2000, random);
            entry(image, t + 0x2000, 8, t + 0x3000, random);
            pages(image, t + 0x3000, 8, random);
        }
    }

    private void pages(MemorySegment image, int table, int size, Random random) {
        for (int lin = 0; lin < SweepMachine.RAM; lin += 0x1000) {
            entry(image, table + (lin >> 12) * size, size, gpa(lin), random);
        }
    }

    private static void entry(MemorySegment image, int at, int size, int to, Random random) {
        int e = to | 7 | (random.nextBoolean() ? 0x20 : 0) | (random.nextBoolean() ? 0x40 : 0);
        image.set(ValueLayout.JAVA_INT_UNALIGNED, at, e);
        if (size == 8) {
            image.set(ValueLayout.JAVA_INT_UNALIGNED, at + 4, 0);
        }
    }

    // ---- the vCPU

    /** Registers other than the general ones. */
    void load(VcpuContext v, Random random) {
        v.reset(new StandardCpuid());
        control(v);
        segments(v);
        v.gdtBase = GDT;
        v.gdtLimit = 0xFF;
        v.idtBase = this == REAL ? 0 : IDT;
        v.idtLimit = 0x3FF;
        v.star = 0x001B_0008L << 32;
        v.lstar = TARGET;
        v.cstar = TARGET;
        v.fmask = 0x700;
        v.sysenterCs = CS0;
        v.sysenterEsp = STACK0;
        v.sysenterEip = TARGET;
        v.fcw = 0x37F;
        v.fsw = random.nextInt(8) << 11;
        v.fpTag = random.nextInt(256);
        for (int i = 0; i < 8; i++) {
            v.fpSig[i] = random.nextLong() | 1L << 63;
            v.fpExp[i] = 0x3FFF + random.nextInt(80) - 20 | (random.nextBoolean() ? 0x8000 : 0);
        }
        for (int i = 0; i < 32; i++) {
            v.xmm[i] = random.nextLong();
        }
        v.recompute();
    }

    private void control(VcpuContext v) {
        v.cr0 = VcpuContext.CR0_ET | VcpuContext.CR0_NE | VcpuContext.CR0_MP;
        v.cr4 = VcpuContext.CR4_OSFXSR | VcpuContext.CR4_OSXMMEXCPT | VcpuContext.CR4_PSE;
        if (this == REAL) {
            return;
        }
        v.cr0 |= VcpuContext.CR0_PE | VcpuContext.CR0_WP | VcpuContext.CR0_AM | 0x8000_0000L;
        v.cr3 = SweepMachine.TABLES;
        if (longMode()) {
            v.cr4 |= VcpuContext.CR4_PAE | VcpuContext.CR4_FSGSBASE;
            v.efer =
                    VcpuContext.EFER_LME
                            | VcpuContext.EFER_LMA
                            | VcpuContext.EFER_SCE
                            | VcpuContext.EFER_NXE;
        } else if (this == PAE0) {
            v.cr4 |= VcpuContext.CR4_PAE;
            v.pdpte[0] = SweepMachine.TABLES + 0x1000 | 1;
        }
    }

    private void segments(VcpuContext v) {
        int data = Segments.P | Segments.S | cpl << Segments.DPL_SHIFT | Segments.TYPE_RW | 1;
        int flat = codeBits == 16 ? 0 : Segments.G | Segments.DB;
        int limit = codeBits == 16 ? 0xFFFF : -1;
        for (int s = 0; s < 6; s++) {
            v.segSel[s] = dataSelector();
            v.segBase[s] = base();
            v.segLimit[s] = limit;
            v.segAttr[s] = data | flat;
        }
        v.segSel[Segments.CS] = codeSelector();
        if (this != REAL && this != V86) {
            v.segAttr[Segments.CS] =
                    data | Segments.TYPE_CODE | (codeBits == 64 ? Segments.G | Segments.L : flat);
        }
        if (codeBits == 64) {
            v.segBase[Segments.FS] = 0x120;
            v.segBase[Segments.GS] = 0x340;
        }
        v.segSel[Segments.TR] = TR;
        v.segBase[Segments.TR] = TSS;
        v.segLimit[Segments.TR] = 0xFF;
        v.segAttr[Segments.TR] = Segments.P | 0xB;
        v.segSel[Segments.LDTR] = LDTR;
        v.segBase[Segments.LDTR] = LDT;
        v.segLimit[Segments.LDTR] = 0x1F;
        v.segAttr[Segments.LDTR] = Segments.P | 2;
        if (this == V86) {
            v.eflags |= VcpuContext.VM;
        }
    }
}
