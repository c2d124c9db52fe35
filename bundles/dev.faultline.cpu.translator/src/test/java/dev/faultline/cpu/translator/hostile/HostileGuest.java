// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.hostile;

import dev.faultline.api.cpu.Gpr;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.cpu.interpreter.internal.LongModeVcpu;
import dev.faultline.cpu.interpreter.sweep.CodeBytes;
import dev.faultline.cpu.interpreter.sweep.SweepState;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.disassembly.GuestCode;
import dev.faultline.cpu.x86.disassembly.Instruction;
import dev.faultline.cpu.x86.run.UndefinedFlags;
import dev.faultline.testkit.cpu.RecordingBus;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * One vCPU for {@link HostileCode}, at CPL 0 or 3, among pages of RAM with all kinds of rights,
 * pages that are another one's too, that are not there and that belong to devices. A case is memory
 * by a seed and several passages through it; a passage has its own registers and ends by an
 * exception, an interrupt, HLT or a shutdown. What protection stops gets the right and goes on.
 */
final class HostileGuest implements AutoCloseable {
    static final int PASSAGES = 48;

    // Linear addresses, which are physical ones but for what follows DEVICE.
    private static final int CODE = 0x4_0000;
    private static final int DATA = 0x2_1000;
    private static final int STACK_PAGE = 0x30;
    private static final int TSS = 0x5000;
    private static final int GDT = 0x6000;
    private static final int IDT = 0x7000;
    private static final int HANDLERS = 0x8000;
    private static final int STACK0 = 0xA000;
    private static final int SYSCALL = 0xB000;
    private static final int DEVICE = 0x5_0000;
    private static final int ABSENT = 0x5_2000;
    private static final int CODE_ALIAS = 0x5_4000;
    private static final int DATA_ALIAS = 0x5_A000;

    /** No page of the guest's begins here or above. */
    private static final int END = 0x5_C000;

    /** No RAM is there. */
    private static final long DEVICE_GPA = 0x4000_0000L;

    private static final long P = 1;
    private static final long W = 2;
    private static final long U = 4;
    private static final long G = 0x100;
    private static final long NX = 1L << 63;

    // Selectors.
    private static final int CS0 = 0x08;
    private static final int SS0 = 0x10;
    private static final int SS3 = 0x1B;
    private static final int CS3 = 0x23;
    private static final int TR = 0x30;

    private static final Set<Integer> PREFIXES =
            Set.of(0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3);

    private static final int HLT = 0xF4;

    private static final int MOST_STEPS = 1500;
    private static final int MOST_FAULTS = 12;

    /** Pages that passages are about. */
    private static final int[][] WORKED_ON = {
        {CODE >>> 12, HostileCode.PAGES}, {(DATA >>> 12) - 1, 3}, {STACK_PAGE - 1, 2}
    };

    /**
     * Where a passage was stopped.
     *
     * @param undefined flags that the processor may have as it likes
     */
    record Stop(String why, SweepState state, int undefined) {}

    private final LongModeVcpu cpu;
    private final VcpuContext v;
    private final RecordingBus bus = new RecordingBus(0x8877_6655_4433_2211L);
    private final GuestCode.Bytes codeBytes;
    private final UndefinedFlags flags;
    private final MemorySegment ram;
    private final MemorySegment empty = Arena.ofAuto().allocate(END, 8);
    private final MemorySegment before = Arena.ofAuto().allocate(END, 8);
    private final SweepState reset;
    private final ProtectionLayer rights;
    private boolean protectedBefore;
    private HostileCode code;

    /** Instructions of passages that count. */
    private long instructions;

    @SuppressWarnings("NullAway.Init") // load
    HostileGuest(VcpuEngineFactory engines, String style) {
        cpu = new LongModeVcpu(engines, style);
        v = cpu.v;
        v.bus = bus;
        codeBytes = CodeBytes.of(v, cpu.memory);
        flags = new UndefinedFlags(v, codeBytes);
        rights = cpu.protection.userLayer();
        ram = MemorySegment.ofAddress(cpu.memory.hvaOf(0)).reinterpret(END);
        tables();
        v.fcw = 0x37F;
        v.cr0 |= VcpuState.CR0_NE | VcpuState.CR0_MP;
        v.cr4 |= VcpuState.CR4_OSFXSR | VcpuState.CR4_OSXMMEXCPT | VcpuState.CR4_PGE;
        v.efer |= VcpuState.EFER_NXE | VcpuState.EFER_SCE;
        v.star = (long) (CS0 | SS0 << 16) << 32;
        v.lstar = SYSCALL;
        v.cstar = SYSCALL;
        v.segBase[Segments.FS] = 0x20;
        v.segBase[Segments.GS] = 0x300;
        v.segSel[Segments.TR] = TR;
        v.segBase[Segments.TR] = TSS;
        v.segLimit[Segments.TR] = 0x67;
        v.segAttr[Segments.TR] = Segments.P | 0xB;
        v.recompute();
        empty.copyFrom(ram);
        reset = SweepState.of(v);
    }

    private void tables() {
        cpu.put64(GDT + CS0, 0x00AF_9B00_0000_FFFFL);
        cpu.put64(GDT + SS0, 0x00CF_9300_0000_FFFFL);
        cpu.put64(GDT + (SS3 & ~7), 0x00CF_F300_0000_FFFFL);
        cpu.put64(GDT + (CS3 & ~7), 0x00AF_FB00_0000_FFFFL);
        cpu.put64(GDT + 0x28, 0x00CF_FB00_0000_FFFFL); // for compatibility mode
        cpu.put64(GDT + TR, 0x67 | (long) TSS << 16 | 0x8BL << 40);
        cpu.put64(TSS + 4, STACK0);
        v.gdtBase = GDT;
        v.gdtLimit = 0x3F;
        v.idtBase = IDT;
        v.idtLimit = 0xFFF;
        for (int vector = 0; vector < 256; vector++) {
            int handler = HANDLERS + 16 * vector;
            long type = vector == 3 || vector == 4 || vector >= 0x80 ? 0xEE : 0x8E;
            cpu.put64(
                    IDT + 16 * vector,
                    handler & 0xFFFF | 8L << 16 | type << 40 | (long) (handler >> 16) << 48);
            cpu.put(handler, "F4");
        }
        cpu.put(SYSCALL, "F4");
        for (int upper = 0x1000; upper < 0x4000; upper += 0x1000) {
            cpu.put64(upper, cpu.get64(upper) | U);
        }
        for (int lin = 0; lin < LongModeVcpu.RAM; lin += 0x1000) {
            // What the guest could change of its page tables, it would.
            boolean own = lin >= TSS && lin < 0xC000;
            cpu.put64(LongModeVcpu.entryOf(lin), own ? lin | P | W : 0);
        }
    }

    // ---- a case

    /** Memory of the case. */
    void load(long seed, HostileCode of) {
        Random random = random(~seed);
        if (protectedBefore) {
            rights.protect(0, LongModeVcpu.RAM, Rights.RWX);
            protectedBefore = false;
        }
        ram.copyFrom(empty);
        code = of;
        copyIn(CODE, code.bytes);
        byte[] data = new byte[0x4000];
        random.nextBytes(data);
        copyIn(DATA - 0x2000, data);
        pages(random);
        cpu.mmu.codeWritten(0, LongModeVcpu.RAM);
    }

    private static Random random(long seed) {
        return new Random(seed * 0x9E37_79B9_7F4A_7C15L);
    }

    private void copyIn(int at, byte[] bytes) {
        MemorySegment.copy(bytes, 0, ram, ValueLayout.JAVA_BYTE, at, bytes.length);
    }

    private void pages(Random random) {
        int odd = 5 + random.nextInt(40); // one in so many has not all rights
        for (int[] range : WORKED_ON) {
            for (int i = 0; i < range[1]; i++) {
                map(random, odd, range[0] + i, (long) range[0] + i << 12);
            }
        }
        for (int i = 0; i < 2; i++) {
            map(random, 20, (DEVICE >>> 12) + i, DEVICE_GPA + 0x1000L * i);
            map(random, 8, (DATA_ALIAS >>> 12) + i, DATA - 0x1000 + 0x1000L * i);
        }
        for (int i = 0; i < HostileCode.PAGES; i++) {
            map(random, 8, (CODE_ALIAS >>> 12) + i, CODE + 0x1000L * i);
        }
    }

    private void map(Random random, int odd, int page, long gpa) {
        long entry = gpa | P | W | U | (random.nextInt(4) == 0 ? G : 0);
        if (random.nextInt(odd + 1) == 0) {
            long[] less = {P, W, U, W | U, 0};
            entry &= ~less[random.nextInt(less.length)];
            entry |= random.nextBoolean() ? NX : 0;
        }
        cpu.put64(LongModeVcpu.entryOf(page << 12), entry);
    }

    // ---- a passage

    private void begin(Random random) {
        if (protectedBefore) {
            rights.protect(0, LongModeVcpu.RAM, Rights.RWX);
            protectedBefore = false;
        }
        reset.restore(v);
        cpu.start(CODE + code.entry(random));
        v.take(-1);
        v.forgetAccess();
        for (int i = 0; i < 16; i++) {
            v.gpr[i] = register(random);
        }
        v.gpr[Gpr.RBX] =
                random.nextInt(8) == 0 ? register(random) : DATA - 64 + 16 * random.nextInt(8);
        v.gpr[14] = random.nextInt(8) == 0 ? register(random) : DATA - 0x400;
        v.gpr[13] = random.nextInt(8) == 0 ? register(random) : 16 * random.nextInt(4);
        v.gpr[Gpr.RSP] =
                random.nextInt(16) == 0
                        ? register(random)
                        : (STACK_PAGE << 12)
                                + 8 * random.nextInt(20)
                                + (random.nextInt(8) == 0 ? 3 : 0);
        for (int i = 0; i < 32; i++) {
            v.xmm[i] = random.nextLong();
        }
        if (random.nextBoolean()) {
            user();
        }
        modes(random);
        for (int i = random.nextInt(3) * random.nextInt(4); i > 0; i--) {
            rights.protectPage(page(random), random.nextInt(8));
            protectedBefore = true;
        }
        bus.log.clear();
        flags.clear();
    }

    private static long register(Random random) {
        int offset = random.nextInt(3) == 0 ? 0xFF8 + random.nextInt(16) : random.nextInt(0x1000);
        return switch (random.nextInt(16)) {
            case 0, 1, 2, 3 -> DATA - 0x1000 + offset;
            case 4 -> CODE + 0x1000 * random.nextInt(HostileCode.PAGES) + offset;
            case 5 -> CODE_ALIAS + 0x1000 * random.nextInt(HostileCode.PAGES) + offset;
            case 6 -> DATA_ALIAS + offset;
            case 7 -> DEVICE + offset;
            case 8 -> ABSENT + offset;
            case 9 -> HANDLERS + offset;
            case 10 -> (0x7FFF_FFFF_FFFFL + random.nextInt(32) - 16) ^ -(long) random.nextInt(2);
            case 11 -> random.nextLong();
            case 12 -> (STACK_PAGE << 12) - 16 + random.nextInt(64);
            default -> random.nextInt(40) - 4;
        };
    }

    private void user() {
        v.segSel[Segments.CS] = CS3;
        v.segSel[Segments.SS] = SS3;
        v.segAttr[Segments.CS] |= 3 << Segments.DPL_SHIFT;
        v.segAttr[Segments.SS] |= 3 << Segments.DPL_SHIFT;
    }

    /** What code depends on besides: mostly nothing of it is unusual. */
    private void modes(Random random) {
        int f = random.nextInt() & VcpuState.STATUS_FLAGS;
        f |= random.nextInt(16) == 0 ? VcpuState.DF : 0;
        f |= random.nextInt(4) == 0 ? VcpuState.IF : 0;
        f |= random.nextInt(40) == 0 ? VcpuState.TF : 0;
        f |= random.nextInt(16) == 0 ? VcpuState.AC : 0;
        f |= random.nextInt(16) == 0 ? VcpuState.IOPL : 0;
        v.setFlags(f);
        v.cr0 |= random.nextInt(12) == 0 ? VcpuState.CR0_TS : 0;
        v.cr0 |= random.nextInt(24) == 0 ? VcpuState.CR0_EM : 0;
        v.cr0 |= random.nextInt(2) == 0 ? VcpuState.CR0_AM : 0;
        v.cr0 &= random.nextInt(12) == 0 ? ~VcpuState.CR0_WP : -1;
        v.cr4 &= random.nextInt(16) == 0 ? ~VcpuState.CR4_OSFXSR : -1;
        v.cr4 |= random.nextInt(8) == 0 ? VcpuState.CR4_TSD : 0;
        v.cr4 |= random.nextInt(8) == 0 ? VcpuState.CR4_FSGSBASE : 0;
        v.cr4 |= random.nextInt(16) == 0 ? VcpuState.CR4_SMAP : 0;
        if (random.nextInt(8) == 0) {
            v.mxcsr = random.nextInt(0x10000);
        }
        if (random.nextInt(8) == 0) {
            v.segBase[Segments.FS] = register(random);
        }
        if (random.nextInt(40) == 0) {
            v.dr[random.nextInt(2)] = random.nextBoolean() ? CODE + code.entry(random) : DATA;
            v.dr[7] = 0x400 | 1 + random.nextInt(15) | (long) random.nextInt(256) << 16;
        }
        v.recompute();
        v.flushTranslations();
    }

    private static int page(Random random) {
        int[] range = WORKED_ON[random.nextInt(WORKED_ON.length)];
        return range[0] + random.nextInt(range[1]);
    }

    /**
     * Executes one instruction after the other.
     *
     * @return null: it has no end, or depends on what is undefined; then nothing of it has happened
     */
    @Nullable List<Stop> model(long seed, int n) {
        before.copyFrom(ram);
        Random random = random(seed, n);
        begin(random);
        List<Stop> stops = new ArrayList<>();
        for (int steps = 0; steps < MOST_STEPS; steps++) {
            int exit = step();
            if (exit == USELESS) {
                break;
            }
            if (exit != VcpuLoop.EXIT_REQUEST && !goesOn(exit, flags.now(), stops, random)) {
                instructions += v.instructions;
                return stops;
            }
        }
        ram.copyFrom(before);
        cpu.mmu.codeWritten(0, LongModeVcpu.RAM);
        return null;
    }

    /** The same by {@code run}; {@code model} is what the interpreter did. */
    List<Stop> subject(long seed, int n, List<Stop> model) {
        Random random = random(seed, n);
        begin(random);
        List<Stop> stops = new ArrayList<>();
        for (; ; ) {
            int exit = cpu.engine.run();
            int i = stops.size();
            int undefined = i < model.size() ? model.get(i).undefined : 0;
            if (exit != VcpuLoop.EXIT_REQUEST && !goesOn(exit, undefined, stops, random)) {
                instructions += v.instructions;
                return stops;
            }
        }
    }

    private static Random random(long seed, int n) {
        return new Random((seed * PASSAGES + n) * 0xBF58_476D_1CE4_E5B9L);
    }

    private boolean goesOn(int exit, int undefined, List<Stop> stops, Random random) {
        if (exit != VcpuLoop.EXIT_FAULT) {
            if (exit == VcpuLoop.EXIT_HALT) {
                forgetFlags(undefined);
            }
            stops.add(new Stop("exit " + exit + " " + bus.log, SweepState.of(v), undefined));
            return false;
        }
        PendingFault f = v.fault;
        String why =
                "kind %d access %x origin %s gpa %x gva %x rip %x"
                        .formatted(f.kind, f.access, f.origin, f.gpa, f.gva, f.rip);
        stops.add(new Stop(why, SweepState.of(v), undefined));
        if (f.kind != PendingFault.PROTECTED || stops.size() == MOST_FAULTS) {
            return false;
        }
        rights.protectPage(f.gpa >>> 12, Rights.RWX);
        int other = page(random);
        if (random.nextInt(3) == 0 && other != f.gpa >>> 12) {
            rights.protectPage(other, random.nextInt(8));
        }
        return true;
    }

    /** What the interpreter executes of a passage, one line each; before {@link #subject}. */
    String trace(long seed, int n) {
        StringBuilder b = new StringBuilder();
        before.copyFrom(ram);
        Random random = random(seed, n);
        begin(random);
        List<Stop> stops = new ArrayList<>();
        for (int steps = 0; steps < MOST_STEPS; steps++) {
            b.append(
                    "%d %s cpl %d flags %x undefined %x %s%n"
                            .formatted(
                                    v.instructions,
                                    disassembled(),
                                    v.cpl,
                                    v.getFlags(),
                                    flags.now(),
                                    LongStream.of(v.gpr)
                                            .limit(16)
                                            .mapToObj(Long::toHexString)
                                            .toList()));
            int exit = step();
            boolean on =
                    exit == VcpuLoop.EXIT_REQUEST
                            || exit != USELESS && goesOn(exit, flags.now(), stops, random);
            if (exit != VcpuLoop.EXIT_REQUEST) {
                b.append("   -> ")
                        .append(exit == USELESS ? "useless" : stops.getLast().why())
                        .append('\n');
            }
            if (!on) {
                break;
            }
        }
        ram.copyFrom(before);
        cpu.mmu.codeWritten(0, LongModeVcpu.RAM);
        return b.toString();
    }

    private String disassembled() {
        byte[] bytes = new byte[Decoder.MAX_LENGTH];
        Instruction i = GuestCode.at(v, GuestCode.next(v), codeBytes, bytes);
        return i == null
                ? "%x: %s".formatted(v.rip, GuestCode.UNREADABLE)
                : "%x: %s %s"
                        .formatted(v.rip, HexFormat.of().formatHex(bytes, 0, i.length()), i.text());
    }

    /** A hash of the bytes of the repeated string instruction at {@code rip}; 0: it is another. */
    private int repetition(long rip) {
        int hash = 1;
        boolean repeats = false;
        for (int n = 0; n < Decoder.MAX_LENGTH; n++) {
            int b = codeBytes.at(GuestCode.wrap(v, rip + n));
            if (b < 0) {
                return 0;
            }
            hash = 31 * hash + b;
            repeats |= b == 0xF2 || b == 0xF3;
            if (!PREFIXES.contains(b) && (b < 0x40 || b > 0x4F)) {
                boolean string = b >= 0xA4 && b <= 0xAF && b != 0xA8 && b != 0xA9;
                return repeats && (string || b >= 0x6C && b <= 0x6F) ? hash : 0;
            }
        }
        return 0;
    }

    private static final int USELESS = 99;

    /** Like the engine's, but {@link #USELESS} if what is undefined is more than flags now. */
    private int step() {
        if (v.codeBits != 64 && flags.now() != 0) {
            return USELESS;
        }
        long count = v.instructions;
        long rip = v.rip;
        int own = repetition(rip);
        flags.before();
        int exit = cpu.engine.step();
        if (own != 0 && own != repetition(rip)) {
            return USELESS; // it overwrites itself: an engine may finish it first
        }
        if (exit == VcpuLoop.EXIT_FAULT || v.instructions != count) {
            flags.after(exit);
        }
        boolean handled = v.rip >= HANDLERS && v.rip < HANDLERS + 0x1000;
        boolean delivered = v.instructions == count && v.rip != rip;
        boolean halts = handled && codeBytes.at(v.rip) == HLT && frame() >= 0;
        if (flags.now() != 0 && delivered && !halts) {
            return USELESS; // it saves flags, and that is not undone
        }
        return flags.used() ? USELESS : exit;
    }

    /** gpa of RFLAGS in the frame of the handler that is at its HLT, or behind it; -1: nowhere. */
    private long frame() {
        int vector = (int) (v.rip - HANDLERS) >>> 4;
        boolean error = vector == 8 || vector >= 10 && vector <= 14 || vector == 17 || vector == 21;
        long gpa = v.mmu.query(v, v.gpr[Gpr.RSP] + (error ? 24 : 16));
        return gpa >= 0 && gpa < END ? gpa : -1;
    }

    /** What was saved of flags that are undefined. */
    private void forgetFlags(int undefined) {
        if (undefined != 0 && v.rip >= HANDLERS && v.rip < HANDLERS + 0x1000) {
            long gpa = frame();
            if (gpa >= 0) {
                long hva = cpu.memory.hvaOf(gpa);
                HostBytes.put64(hva, HostBytes.get64(hva) & ~(long) undefined);
            }
        }
    }

    // ---- results

    /** Where in memory this differs from another, or -1. */
    long mismatch(HostileGuest other) {
        return ram.mismatch(other.ram);
    }

    long instructions() {
        return instructions;
    }

    VcpuEngine engine() {
        return cpu.engine;
    }

    /** Of the case. */
    static HostileCode code(long seed) {
        return new HostileCode(random(seed), CODE, DATA);
    }

    @Override
    public void close() {
        cpu.close();
    }
}
