// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.internal;

import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.CODE;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.DATA;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.memory.HostBytes;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Locked instructions of several vCPUs lose nothing, wherever the operand lies and whatever else is
 * in its page; and what a vCPU stores plainly beside it stays. SDM 3A, "Locked Atomic Operations".
 */
public abstract class LockedAccessContract {
    private static final int LOCKERS = 3;
    private static final int ROUNDS = 1500;
    private static final int COUNTER = 0x2_8000;
    private static final String LOOP = "FF CE 75 "; // dec esi; jnz

    private final VcpuEngineFactory engines;

    protected LockedAccessContract(VcpuEngineFactory engines) {
        this.engines = engines;
    }

    /** Instructions that add one to [rdi], by any means, with the size of the access. */
    enum Increment {
        INC1(1, "F0 FE 07"),
        INC2(2, "66 F0 FF 07"),
        INC4(4, "F0 FF 07"),
        INC8(8, "F0 48 FF 07"),
        SUB8(8, "F0 48 83 2F FF"),
        XADD1(1, "B0 01 F0 0F C0 07"),
        XADD4(4, "B8 01 00 00 00 F0 0F C1 07"),
        XADD8(8, "B8 01 00 00 00 F0 48 0F C1 07"),
        // 1: mov eax, [rdi]; lea edx, [rax + 1]; lock cmpxchg [rdi], edx; jnz 1b
        CMPXCHG4(4, "8B 07 8D 50 01 F0 0F B1 17 75 F5"),
        CMPXCHG8(8, "48 8B 07 48 8D 50 01 F0 48 0F B1 17 75 F2"),
        CMPXCHG8B(8, "8B 07 8B 57 04 8D 58 01 89 D1 F0 0F C7 0F 75 F0");

        final int size;
        final String code;

        Increment(int size, String code) {
            this.size = size;
            this.code = code;
        }
    }

    private static byte back(String code) {
        int length = code.replace(" ", "").length() / 2;
        return (byte) -(length + 4);
    }

    private static String loop(String code) {
        return code + LOOP + "%02X".formatted(back(code)) + "F4";
    }

    /** Every size at every kind of place: in a word, across words, lines and pages. */
    static List<Arguments> places() {
        List<Arguments> all = new ArrayList<>();
        for (Increment i : Increment.values()) {
            for (int offset : new int[] {0x40, 0x41, 0x43, 0x46, 0x7F, 0xFFF - i.size / 2}) {
                all.add(Arguments.of(i, offset));
            }
        }
        return all;
    }

    private static void start(Vcpus cpus, String program, int at) {
        int i = 0;
        for (LongModeVcpu cpu : cpus.all) {
            cpu.v.gpr[7] = at;
            cpu.v.gpr[6] = ROUNDS;
            cpu.v.gpr[3] = COUNTER;
            if (i++ == 0) {
                cpu.put(CODE, program);
            }
            cpu.start(CODE);
        }
    }

    private static long read(LongModeVcpu cpu, int at, int size) {
        long x = 0;
        for (int i = 0; i < size; i++) {
            x |= (HostBytes.get8(cpu.memory.hvaOf(at + i)) & 0xFFL) << 8 * i;
        }
        return x;
    }

    private void increments(Increment i, int base, int offset) throws InterruptedException {
        try (Vcpus cpus = new Vcpus(engines, (offset & 1) == 0 ? "coded" : "thrown", LOCKERS + 1)) {
            int at = base + offset;
            start(cpus, loop(i.code), at);
            // Plain increments of the byte behind the operand: nobody else's.
            LongModeVcpu plain = cpus.get(LOCKERS);
            plain.put(0x1_3000, loop("FE 07"));
            plain.v.gpr[7] = at + i.size;
            plain.start(0x1_3000);

            cpus.runToHalt();

            long mask = -1L >>> 64 - 8 * i.size;
            assertThat(read(plain, at, i.size)).isEqualTo((long) LOCKERS * ROUNDS & mask);
            assertThat(read(plain, at + i.size, 1)).isEqualTo(ROUNDS & 0xFF);
            assertThat(read(plain, at - 1, 1)).isZero();
        }
    }

    @ParameterizedTest
    @MethodSource("places")
    void incrementsAreNotLost(Increment i, int offset) throws InterruptedException {
        increments(i, DATA, offset);
    }

    /** The operand lies in the page of the code that is executed. */
    @ParameterizedTest
    @CsvSource({
        "INC1,0x800",
        "INC2,0x801",
        "INC4,0x801",
        "INC4,0x7fe",
        "INC8,0x800",
        "INC8,0x801",
        "XADD8,0x800",
        "CMPXCHG8,0x800",
        "CMPXCHG8,0x803",
        "CMPXCHG8B,0x800",
        "INC8,0xffc"
    })
    void incrementsInACodePageAreNotLost(Increment i, String offset) throws InterruptedException {
        increments(i, CODE, Integer.decode(offset));
    }

    /** A lock made of each instruction that makes one, around a plain counter. */
    @ParameterizedTest
    @CsvSource({"0x40", "0x41", "0x45", "0x46", "0x7e", "0xffe", "-0xf800", "-0xf7ff", "-0xf7fa"})
    void spinLocksExclude(String offset) throws InterruptedException {
        String[] programs = {
            // 1: mov eax, 1; xchg [rdi], eax; test eax, eax; jnz 1b; inc qword [rbx]; mov [rdi], 0
            "B8 01 00 00 00 87 07 85 C0 75 F5 48 FF 03 C7 07 00 00 00 00",
            // 1: lock bts [rdi], 0; jc 1b; inc qword [rbx]; lock btr [rdi], 0
            "F0 0F BA 2F 00 72 F9 48 FF 03 F0 0F BA 37 00"
        };
        for (String program : programs) {
            try (Vcpus cpus = new Vcpus(engines, "coded", 2)) {
                start(cpus, loop(program), DATA + Integer.decode(offset));
                cpus.runToHalt();
                assertThat(cpus.get(0).get64(COUNTER)).isEqualTo(2L * ROUNDS);
            }
        }
    }

    /** CMPXCHG16B against locked increments of its low half and plain ones of a neighbour. */
    @ParameterizedTest
    @CsvSource({"0x40", "0xff0", "-0xf800"})
    void wideCompareAndExchangeIsAtomicAgainstEverything(String offset)
            throws InterruptedException {
        try (Vcpus cpus = new Vcpus(engines, "coded", 3)) {
            int at = DATA + Integer.decode(offset);
            // 1: read both halves; low + 2^32, high + 1; lock cmpxchg16b; jnz 1b
            // (add rbx, r8 adds the 2^32)
            start(
                    cpus,
                    loop("48 8B 07 48 8B 57 08 48 89 C3 4C 01 C3 48 8D 4A 01 F0 48 0F C7 0F 75 E8"),
                    at);
            for (LongModeVcpu cpu : cpus.all) {
                cpu.v.gpr[8] = 1L << 32;
            }
            LongModeVcpu other = cpus.get(2);
            other.put(0x1_3000, loop("F0 48 FF 07"));
            other.start(0x1_3000);

            cpus.runToHalt();

            assertThat(other.get64(at)).isEqualTo((2L * ROUNDS << 32) + ROUNDS);
            assertThat(other.get64(at + 8)).isEqualTo(2L * ROUNDS);
        }
    }

    /** Aligned plain stores and loads of 8 bytes are never torn, also in a page that holds code. */
    @ParameterizedTest
    @CsvSource({"0x40", "-0xf800"})
    void alignedAccessesAreNotTorn(String offset) throws InterruptedException {
        try (Vcpus cpus = new Vcpus(engines, "coded", 2)) {
            int at = DATA + Integer.decode(offset);
            // 1: mov [rdi], rax; not rax
            start(cpus, loop("48 89 07 48 F7 D0"), at);
            LongModeVcpu reader = cpus.get(1);
            // 1: mov rax, [rdi]; lea rdx, [rax + 1]; cmp rdx, 1; ja bad (only 0 and -1)
            reader.put(0x1_3000, "48 8B 07 48 8D 50 01 48 83 FA 01 77 05" + LOOP + "EF F4 0F 0B");
            reader.start(0x1_3000);

            cpus.runToHalt();

            assertThat(reader.v.rip).isEqualTo(0x1_3012);
        }
    }
}
