// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.api.cpu.Gpr;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.cpu.interpreter.internal.LongModeVcpu;
import dev.faultline.cpu.interpreter.sweep.CodeBytes;
import dev.faultline.cpu.interpreter.sweep.SweepState;
import dev.faultline.cpu.x86.run.UndefinedFlags;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Runs {@link RandomProgram}s, one after the other, on one vCPU, and keeps what can be seen: state
 * and memory at each exit and at the end. What stops a program by protection gets all rights, and
 * sometimes another page loses some; all chosen by a seed.
 */
final class ProgramRun implements AutoCloseable {
    /** Sixteen pages of code. */
    static final int CODE = 0x4_0000;

    /** In the middle of two pages of data. */
    static final int DATA = 0x2_1000;

    private static final int GDT = 0x6000;
    private static final int IDT = 0x7000;
    private static final int HANDLERS = 0x1_2000;
    private static final int STACK_PAGE = 0x30;

    /** What programs write: the rest is compared at the end only. */
    private static final int FIRST = 0x1_F000;

    private static final int LAST = CODE + 0x1_0000;
    private static final int MOST_STEPS = 20_000;

    /** As many exits take a right away from another page. */
    private static final int REVOCATIONS = 12;

    /** What one program did. */
    static final class Trace {
        final List<String> exits = new ArrayList<>();
        final List<SweepState> states = new ArrayList<>();
        final List<Integer> undefined = new ArrayList<>();
        final List<Integer> memory = new ArrayList<>();

        /** How many there were. */
        long instructions;

        /** Whether it ended where it was meant to. */
        boolean whole;

        /** Why it says nothing; null: it does. */
        String useless;

        /** How this differs from what {@code model} says is right; empty: not at all. */
        String difference(Trace model) {
            int n = Math.min(exits.size(), model.exits.size());
            for (int i = 0; i < n; i++) {
                SweepState want = model.states.get(i);
                String d =
                        states.get(i)
                                .but(SweepState.FLAGS, model.undefined.get(i), want)
                                .difference(want);
                if (!exits.get(i).equals(model.exits.get(i))) {
                    d += "%s expected %s; ".formatted(exits.get(i), model.exits.get(i));
                }
                if (!memory.get(i).equals(model.memory.get(i))) {
                    d += "memory differs; ";
                }
                if (!d.isEmpty()) {
                    return "exit %d of %d: %s".formatted(i, model.exits.size(), d);
                }
            }
            return exits.size() == model.exits.size()
                    ? ""
                    : "%d exits expected %d".formatted(exits.size(), model.exits.size());
        }
    }

    private final LongModeVcpu cpu;
    private final VcpuContext v;
    private final UndefinedFlags flags;
    private final MemorySegment ram;
    private final MemorySegment image = Arena.ofAuto().allocate(LongModeVcpu.RAM, 8);
    private final SweepState reset;
    private final ProtectionLayer rights;

    ProgramRun(VcpuEngineFactory engines, String style) {
        cpu = new LongModeVcpu(engines, style);
        v = cpu.v;
        flags = new UndefinedFlags(v, CodeBytes.of(v, cpu.memory));
        rights = cpu.protection.userLayer();
        ram = MemorySegment.ofAddress(cpu.memory.hvaOf(0)).reinterpret(LongModeVcpu.RAM);
        cpu.put64(GDT + 8, 0x00AF_9B00_0000_FFFFL);
        cpu.put64(GDT + 16, 0x00CF_9300_0000_FFFFL);
        v.gdtBase = GDT;
        v.gdtLimit = 0x17;
        v.idtBase = IDT;
        v.idtLimit = 0x1FF;
        for (int vector = 0; vector < 32; vector++) {
            int handler = HANDLERS + 16 * vector;
            cpu.put64(
                    IDT + 16 * vector,
                    handler & 0xFFFF | 8L << 16 | 0x8EL << 40 | (long) (handler >> 16) << 48);
            cpu.put(handler, "F4");
        }
        v.fcw = 0x37F;
        v.cr0 |= VcpuContext.CR0_NE | VcpuContext.CR0_MP;
        v.cr4 |= VcpuContext.CR4_OSFXSR | VcpuContext.CR4_OSXMMEXCPT;
        v.segBase[4] = 0x20;
        v.segBase[5] = 0x300;
        v.recompute();
        image.copyFrom(ram);
        reset = SweepState.of(v);
    }

    /**
     * @param step one instruction after the other, which tells what flags are undefined
     */
    Trace run(RandomProgram p, long seed, boolean step) {
        Random random = new Random(seed);
        begin(p, random);
        Trace t = new Trace();
        int revocations = REVOCATIONS;
        for (int steps = 0; ; steps++) {
            if (steps == MOST_STEPS) {
                t.useless = "it does not end";
                return t;
            }
            int exit = step ? step() : cpu.engine.run();
            if (exit == VcpuLoop.EXIT_FAULT) {
                PendingFault f = v.fault;
                record(
                        t,
                        "kind %d access %x origin %s gpa %x gva %x rip %x"
                                .formatted(f.kind, f.access, f.origin, f.gpa, f.gva, f.rip));
                rights.protectPage(f.gpa >>> 12, Rights.RWX);
                if (revocations-- > 0) {
                    int page = page(random);
                    if (page != f.gpa >>> 12) {
                        rights.protectPage(page, random.nextInt(8));
                    }
                }
            } else if (exit != VcpuLoop.EXIT_REQUEST) {
                record(t, "exit " + exit);
                t.instructions = v.instructions;
                t.whole = v.rip == p.end;
                if (flags.used()) {
                    t.useless = "it depends on undefined flags";
                }
                return t;
            }
        }
    }

    private void begin(RandomProgram p, Random random) {
        rights.protect(0, LongModeVcpu.RAM, Rights.RWX);
        ram.copyFrom(image);
        byte[] data = new byte[0x4000];
        random.nextBytes(data);
        MemorySegment.copy(data, 0, ram, ValueLayout.JAVA_BYTE, DATA - 0x2000, data.length);
        for (RandomProgram.Part part : p.parts) {
            ram.asSlice(part.at(), part.code().length).copyFrom(MemorySegment.ofArray(part.code()));
        }
        cpu.mmu.codeWritten(0, LongModeVcpu.RAM);
        reset.restore(v);
        for (int i = 0; i < 16; i++) {
            v.gpr[i] = random.nextBoolean() ? random.nextLong() : random.nextInt(9) - 4;
        }
        v.gpr[Gpr.RBX] = DATA - 64 + 16 * random.nextInt(8);
        v.gpr[Gpr.R14] = DATA - 0x400;
        v.gpr[Gpr.R13] = 16 * random.nextInt(4);
        v.gpr[Gpr.RSP] =
                (STACK_PAGE << 12) + 8 * random.nextInt(20) + (random.nextInt(8) == 0 ? 3 : 0);
        for (int i = 0; i < 32; i++) {
            v.xmm[i] = random.nextLong();
        }
        cpu.start(p.start);
        v.take(-1);
        v.forgetAccess();
        flags.clear();
        for (int i = random.nextInt(10); i > 0; i--) {
            rights.protectPage(page(random), random.nextInt(8));
        }
    }

    /** A page of data, stack or code. */
    private static int page(Random random) {
        return switch (random.nextInt(3)) {
            case 0 -> (DATA >>> 12) - 1 + random.nextInt(2);
            case 1 -> STACK_PAGE - random.nextInt(2);
            default -> (CODE >>> 12) + random.nextInt(RandomProgram.pages());
        };
    }

    private int step() {
        flags.before();
        int exit = cpu.engine.step();
        flags.after(exit);
        return exit;
    }

    private void record(Trace t, String exit) {
        t.exits.add(exit);
        t.states.add(SweepState.of(v));
        t.undefined.add(flags.now());
        t.memory.add(
                ram.asSlice(FIRST, LAST - FIRST)
                        .asByteBuffer()
                        .order(ByteOrder.nativeOrder())
                        .asLongBuffer()
                        .hashCode());
    }

    /** Where in all of memory this differs from another run's end, or -1. */
    long mismatch(ProgramRun other) {
        return ram.mismatch(other.ram);
    }

    @Override
    public void close() {
        cpu.close();
    }
}
