// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static dev.faultline.api.cpu.Gpr.RAX;
import static dev.faultline.api.cpu.Gpr.RBX;
import static dev.faultline.api.cpu.Gpr.RCX;
import static dev.faultline.api.cpu.Gpr.RDI;
import static dev.faultline.api.cpu.Gpr.RDX;
import static dev.faultline.api.cpu.Gpr.RSI;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.CODE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.Rights;
import dev.faultline.cpu.interpreter.internal.InterpreterFactory;
import dev.faultline.cpu.interpreter.internal.LongModeVcpu;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Instructions that have forms of their own do what the interpreter does, wherever their operands
 * are: inside pages and across, in pages that may not be read or written, in their own code.
 */
class SpecialFormsTest {
    private static final int AREA = 0x40000;
    private static final int PAGES = 8;
    private static final int HLT = 0xF4;

    private final LongModeVcpu model = new LongModeVcpu(new InterpreterFactory(), "coded");
    private final LongModeVcpu tested = new LongModeVcpu(Translators.at(1), "coded");
    private final Random random = new Random(1);

    @AfterEach
    void close() {
        tested.close();
        model.close();
        assertThat(Translators.refused()).isZero();
    }

    /** Runs the instruction on both until it is over or stopped, and compares everything. */
    private void agree(String instruction, int rounds, Runnable registers) {
        agree(instruction, rounds, 0, registers);
    }

    /**
     * @param undefined flags, if the instruction is executed to its end
     */
    private void agree(String instruction, int rounds, int undefined, Runnable registers) {
        for (LongModeVcpu cpu : new LongModeVcpu[] {model, tested}) {
            cpu.put(CODE, instruction + Integer.toHexString(HLT));
            fill(cpu);
        }
        for (int i = 0; i < rounds; i++) {
            registers.run();
            String case_ = "%s, round %d".formatted(instruction, i);
            System.arraycopy(model.v.gpr, 0, tested.v.gpr, 0, 16);
            tested.v.setFlags(model.v.getFlags());
            model.start(CODE);
            tested.start(CODE);
            int want = model.engine.run();
            assertThat(tested.engine.run()).as(case_).isEqualTo(want);
            assertThat(tested.v.gpr).as(case_).isEqualTo(model.v.gpr);
            int flags = want == VcpuLoop.EXIT_HALT ? ~undefined : -1;
            assertThat(tested.v.getFlags() & flags).as(case_).isEqualTo(model.v.getFlags() & flags);
            assertThat(tested.v.rip).as(case_).isEqualTo(model.v.rip);
            assertThat(tested.v.instructions).as(case_).isEqualTo(model.v.instructions);
            assertThat(tested.v.fault.gpa).as(case_).isEqualTo(model.v.fault.gpa);
            assertThat(memory(tested)).as(case_).isEqualTo(memory(model));
        }
    }

    private static byte[] memory(LongModeVcpu cpu) {
        byte[] bytes = new byte[AREA + PAGES * 0x1000 - CODE];
        HostBytes.copyOut(cpu.memory.hvaOf(CODE), bytes, 0, bytes.length);
        return bytes;
    }

    private static void fill(LongModeVcpu cpu) {
        byte[] bytes = new byte[PAGES * 0x1000];
        new Random(5).nextBytes(bytes);
        HostBytes.copyIn(bytes, 0, cpu.memory.hvaOf(AREA), bytes.length);
    }

    private void protect(int page, int rights) {
        model.protection.userLayer().protectPage((AREA >>> 12) + page, rights);
        tested.protection.userLayer().protectPage((AREA >>> 12) + page, rights);
    }

    private int place() {
        return AREA + 0x800 + random.nextInt((PAGES - 1) * 0x1000);
    }

    @ParameterizedTest
    @ValueSource(strings = {"F3 A4", "66 F3 A5", "F3 A5", "F3 48 A5", "F2 48 A5", "F3 67 A5"})
    void repeatedMoves(String instruction) {
        strings(instruction);
    }

    @ParameterizedTest
    @ValueSource(strings = {"F3 AA", "66 F3 AB", "F3 AB", "F3 48 AB", "F2 AA", "F3 67 AB", "AA"})
    void repeatedStores(String instruction) {
        strings(instruction);
    }

    private void strings(String instruction) {
        protect(2, Rights.R);
        protect(5, Rights.NONE);
        agree(
                instruction,
                400,
                () -> {
                    model.v.gpr[RAX] = random.nextLong();
                    model.v.gpr[RSI] = place();
                    model.v.gpr[RDI] = random.nextInt(4) == 0 ? model.v.gpr[RSI] + 3 : place();
                    model.v.gpr[RCX] = random.nextInt(random.nextBoolean() ? 20 : 800);
                    boolean down = random.nextInt(8) == 0;
                    model.v.setFlags(2 | random.nextInt() & 0xD5 | (down ? VcpuState.DF : 0));
                });
    }

    /** Its destination is the page that it stands in, before and behind it. */
    @Test
    void storesIntoCode() {
        for (int offset : new int[] {0x100, 1, 0}) {
            agree(
                    "F3 AA",
                    3,
                    () -> {
                        model.put(CODE, "F3 AA F4");
                        tested.put(CODE, "F3 AA F4");
                        model.v.gpr[RAX] = 0xF4;
                        model.v.gpr[RDI] = CODE + offset;
                        model.v.gpr[RCX] = 8;
                        model.v.setFlags(2);
                    });
        }
    }

    /** BT and the others of memory, with the bit in a register: edi, rdx, r9 (rcx: see below). */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "0F A3 3B", "48 0F A3 13", "4C 0F A3 0B", "4C 0F A3 1B", "48 0F A3 0B",
                "0F AB 3B", "48 0F AB 13", "4C 0F B3 0B", "4C 0F BB 1B", "48 0F B3 0B",
                "F0 48 0F AB 13", "66 0F A3 13", "67 48 0F A3 13"
            })
    void bitStrings(String instruction) {
        protect(2, Rights.R);
        protect(5, Rights.NONE);
        agree(
                instruction,
                300,
                () -> {
                    for (int r : new int[] {RCX, RDX, RDI, 9, 11}) {
                        int bits = random.nextInt(3 * 0x8000) - 0x8000;
                        model.v.gpr[r] = random.nextInt(3) == 0 ? random.nextInt(64) : bits;
                    }
                    model.v.gpr[RBX] = AREA + 0x1800 + random.nextInt(0x3000);
                    model.v.setFlags(2 | random.nextInt() & 0xD5);
                });
    }

    @ParameterizedTest
    @ValueSource(strings = {"F0 48 0F C7 0E", "48 0F C7 0E", "F0 0F C7 0E"})
    void compareAndExchangePairs(String instruction) {
        protect(2, Rights.R);
        agree(
                instruction,
                300,
                () -> {
                    model.v.gpr[RSI] = place() & -16;
                    long hva = model.memory.hvaOf(model.v.gpr[RSI]);
                    boolean equal = random.nextBoolean();
                    model.v.gpr[RAX] = equal ? HostBytes.get64(hva) : random.nextLong();
                    model.v.gpr[RDX] = equal ? HostBytes.get64(hva + 8) : random.nextLong();
                    model.v.gpr[RBX] = random.nextLong();
                    model.v.gpr[RCX] = random.nextLong();
                    model.v.setFlags(2 | random.nextInt() & 0xD5);
                });
    }

    /** By ecx, rdi, r12, the memory at rsi, rcx, al; of all that can be. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "F7 F9", "48 F7 FF", "49 F7 FC", "F7 3E", "48 F7 3E", "48 F7 F9", "F6 F9",
                "F7 F1", "48 F7 F7", "49 F7 F4", "F7 36", "48 F7 36", "48 F7 F1", "66 F7 F9"
            })
    void divisions(String instruction) {
        long[] corners = {0, 1, 2, -1, -2, Integer.MIN_VALUE, Long.MIN_VALUE, 0x7FFF_FFFF, 7};
        agree(
                instruction,
                3000,
                VcpuState.STATUS_FLAGS,
                () -> {
                    long dividend = corner(corners);
                    model.v.gpr[RAX] = dividend;
                    model.v.gpr[RDX] =
                            switch (random.nextInt(4)) {
                                case 0 -> corner(corners);
                                case 1 -> 0;
                                case 2 -> (int) dividend >> 31;
                                default -> dividend >> 63;
                            };
                    model.v.gpr[RCX] = corner(corners);
                    model.v.gpr[RDI] = corner(corners);
                    model.v.gpr[12] = corner(corners);
                    model.v.gpr[RSI] = AREA + 0x18;
                    long divisor = corner(corners);
                    model.put64(AREA + 0x18, divisor);
                    tested.put64(AREA + 0x18, divisor);
                    model.v.setFlags(2 | random.nextInt() & 0xD5);
                });
    }

    private long corner(long[] of) {
        return switch (random.nextInt(3)) {
            case 0 -> of[random.nextInt(of.length)];
            case 1 -> random.nextInt();
            default -> random.nextLong() >> random.nextInt(64);
        };
    }

    /** To eax, rcx, r12, ax, r11w. */
    @ParameterizedTest
    @ValueSource(strings = {"8C D8", "48 8C D1", "4D 8C E4", "66 8C C8", "66 41 8C EB", "8C E9"})
    void selectors(String instruction) {
        agree(
                instruction,
                20,
                () -> {
                    for (int i = 0; i < 16; i++) {
                        model.v.gpr[i] = random.nextLong();
                    }
                    for (int i = 0; i < 6; i++) {
                        int s = i == 1 ? model.v.segSel[1] : random.nextInt(0x10000);
                        model.v.segSel[i] = s;
                        tested.v.segSel[i] = s;
                    }
                    model.v.setFlags(2);
                });
    }
}
