// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.internal;

import static dev.faultline.api.cpu.Gpr.RBX;
import static dev.faultline.api.cpu.Gpr.RSP;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.protection.Rights;
import dev.faultline.cpu.interpreter.sweep.CodeBytes;
import dev.faultline.cpu.x86.run.UndefinedFlags;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Blocks against one instruction at a time: the same random code leaves the same state and finds
 * the same faults at the same instructions.
 */
public abstract class RunAgainstStepContract {
    private static final int PROGRAMS = 400;
    private static final int LENGTH = 60;
    private static final long DATA_PAGE = LongModeVcpu.DATA >>> 12;
    private static final long STACK_PAGE = 0x30;

    /** r: registers; /n: a register and an opcode digit; m: memory at RBX; i and I: immediates. */
    private static final String[] SETTERS = {
        "48 39 r",
        "48 3B r",
        "39 r",
        "3B r",
        "48 85 r",
        "85 r",
        "38 r",
        "84 r", // register, register
        "48 83 /7 i",
        "83 /7 i",
        "48 81 /7 I",
        "81 /7 I",
        "80 /7 i",
        "F6 /0 i", // register, immediate
        "48 83 /0 i",
        "83 /0 i",
        "48 83 /4 i",
        "83 /4 i",
        "48 83 /5 i",
        "83 /5 i",
        "48 FF /1",
        "FF /1",
        "48 3D I",
        "3D I",
        "48 FF /0",
        "48 01 r",
        "48 29 r",
        "48 D3 /4",
        "48 F7 /3",
        "48 39 m",
        "48 3B m",
        "39 m",
        "3B m",
        "48 85 m",
        "38 m",
        "84 m", // memory
        "48 83 m7 i",
        "83 m7 i",
        "80 m7 i",
        "F6 m0 i",
        "48 01 m",
        "48 89 m",
        "48 8B m",
    };

    private final VcpuEngineFactory engines;

    protected RunAgainstStepContract(VcpuEngineFactory engines) {
        this.engines = engines;
    }

    private record Outcome(
            long[] gpr,
            long rip,
            int flags,
            long instructions,
            List<String> faults,
            long[] memory,
            UndefinedFlags undefined) {}

    @ParameterizedTest
    @CsvSource({"coded,1", "thrown,2"})
    void theyAgree(String style, long seed) {
        boolean exact = engines instanceof InterpreterFactory;
        int compared = 0;
        Random random = new Random(seed);
        for (int i = 0; i < PROGRAMS; i++) {
            String code = program(random);
            long start = random.nextLong();
            Outcome run = execute(style, code, start, false);
            Outcome step = execute(style, code, start, true);
            if (!exact && step.undefined.used()) {
                continue;
            }
            compared++;
            assertThat(run.faults).as(code).isEqualTo(step.faults);
            assertThat(run.gpr).as(code).isEqualTo(step.gpr);
            assertThat(run.memory).as(code).isEqualTo(step.memory);
            int flags = exact ? -1 : ~step.undefined.now();
            assertThat(List.of(run.rip, run.flags & flags, run.instructions))
                    .as(code)
                    .isEqualTo(List.of(step.rip, step.flags & flags, step.instructions));
        }
        assertThat(compared).isGreaterThan(PROGRAMS / 2);
    }

    private Outcome execute(String style, String code, long seed, boolean step) {
        Random random = new Random(seed);
        try (LongModeVcpu cpu = new LongModeVcpu(engines, style)) {
            VcpuContext v = cpu.v;
            cpu.put(LongModeVcpu.CODE, code);
            for (int i = 0; i < 16; i++) {
                v.gpr[i] = random.nextBoolean() ? random.nextLong() : random.nextInt(5) - 2;
            }
            // Near ends of pages: some accesses cross.
            v.gpr[RBX] = LongModeVcpu.DATA + 0xFE0 + random.nextInt(0x40);
            v.gpr[RSP] =
                    (STACK_PAGE << 12) + 8 * random.nextInt(12) + (random.nextInt(4) == 0 ? 3 : 0);
            for (long page : new long[] {DATA_PAGE, DATA_PAGE + 1, STACK_PAGE - 1, STACK_PAGE}) {
                if (random.nextInt(3) == 0) {
                    cpu.protection
                            .userLayer()
                            .protectPage(page, random.nextBoolean() ? Rights.NONE : Rights.R);
                }
            }
            List<String> faults = new ArrayList<>();
            UndefinedFlags undefined = new UndefinedFlags(v, CodeBytes.of(v, cpu.memory));
            int exit;
            do {
                if (step) {
                    undefined.before();
                }
                exit = step ? cpu.engine.step() : cpu.engine.run();
                undefined.after(exit);
                if (exit == VcpuLoop.EXIT_FAULT) {
                    assertThat(v.fault.kind).isEqualTo(PendingFault.PROTECTED);
                    faults.add(
                            "%x at %x after %d, rsp %x"
                                    .formatted(v.fault.gpa, v.rip, v.instructions, v.gpr[RSP]));
                    cpu.protection.userLayer().protectPage(v.fault.gpa >>> 12, Rights.RWX);
                }
            } while (exit == VcpuLoop.EXIT_FAULT || exit == VcpuLoop.EXIT_REQUEST);
            assertThat(exit).as(code).isEqualTo(VcpuLoop.EXIT_HALT);
            long[] memory = new long[0x600];
            for (int i = 0; i < memory.length; i++) {
                memory[i] =
                        cpu.get64(
                                i < 0x400 ? LongModeVcpu.DATA + 8 * i : 0x2F000 + 8 * (i - 0x200));
            }
            return new Outcome(
                    Arrays.copyOf(v.gpr, 16),
                    v.rip,
                    v.getFlags(),
                    v.instructions,
                    faults,
                    memory,
                    undefined);
        }
    }

    private static String program(Random random) {
        StringBuilder s = new StringBuilder();
        int depth = 0;
        for (int i = 0; i < LENGTH; i++) {
            switch (random.nextInt(4)) {
                case 0, 1 -> {
                    s.append(setter(random));
                    if (random.nextInt(4) != 0) {
                        String over = setter(random);
                        s.append("%02X%02X".formatted(0x70 + random.nextInt(16), over.length() / 2))
                                .append(over);
                    }
                }
                case 2 -> {
                    for (int n = random.nextInt(10); n > 0; n--, depth++) {
                        s.append("%02X".formatted(0x50 + random.nextInt(8)));
                    }
                }
                default -> {
                    for (int n = Math.min(depth, random.nextInt(10)); n > 0; n--, depth--) {
                        s.append("%02X".formatted(0x58 + register(random)));
                    }
                }
            }
            if (random.nextInt(10) == 0) {
                // call +1; jmp over the function; pop, ... ret would leave: push, pop, ret
                s.append("E802000000EB03").append("5258C3");
            }
        }
        return s.append("F4").toString();
    }

    private static int register(Random random) {
        int r = random.nextInt(6);
        return r < 3 ? r : r + 2; // neither RBX nor RSP
    }

    private static String setter(Random random) {
        StringBuilder s = new StringBuilder();
        for (String p : SETTERS[random.nextInt(SETTERS.length)].split(" ")) {
            switch (p.charAt(0)) {
                case 'r' ->
                        s.append("%02X".formatted(0xC0 | register(random) << 3 | register(random)));
                case '/' ->
                        s.append(
                                "%02X".formatted(0xC0 | p.charAt(1) - '0' << 3 | register(random)));
                case 'm' -> {
                    int g = p.length() > 1 ? p.charAt(1) - '0' : register(random);
                    s.append("%02X%02X".formatted(0x40 | g << 3 | RBX, random.nextInt(0x30)));
                }
                case 'i' -> s.append("%02X".formatted(random.nextInt(256)));
                case 'I' -> s.append("%08X".formatted(random.nextInt()));
                default -> s.append(p);
            }
        }
        return s.toString();
    }
}
