// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.cpu.InterruptPort;
import dev.faultline.api.device.Device;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.device.pc.internal.ioapic.IoApic;
import dev.faultline.testkit.TestBoard;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PcChipsetTest {
    private static final long LAPIC = 0xFEE0_0000L;
    private final TestBoard board = new TestBoard();
    private final PcChipset chips = new PcChipset(board, board, 1, 512L << 20, 1_000_000_000L);
    private final InterruptPort port = chips.interrupts(0);

    private void redirect(int input, long entry) {
        board.write32(IoApic.BASE_GPA, 0x11 + 2 * input);
        board.write32(IoApic.BASE_GPA + 0x10, (int) (entry >>> 32));
        board.write32(IoApic.BASE_GPA, 0x10 + 2 * input);
        board.write32(IoApic.BASE_GPA + 0x10, (int) entry);
    }

    private int redirection(int input) {
        board.write32(IoApic.BASE_GPA, 0x10 + 2 * input);
        return board.read32(IoApic.BASE_GPA + 0x10);
    }

    private void enableApic() {
        board.write32(LAPIC + 0xF0, 0x1FF);
        board.write32(LAPIC + 0x350, 0x1_0000);
    }

    private void programPic() {
        int[][] writes = {{0x20, 0x11}, {0x21, 0x30}, {0x21, 4}, {0x21, 1}, {0x21, 0}};
        for (int[] w : writes) {
            board.out(w[0], w[1]);
        }
    }

    /** The state after power-on: 8259 behind LINT0 of the boot processor, as firmware leaves it. */
    @Test
    void thePicReachesTheVcpuWithoutTouchingTheApic() {
        programPic();
        chips.interrupt(4).set(true);
        assertThat(port.pending()).isTrue();
        assertThat(port.acknowledge()).isEqualTo(0x34);
    }

    @Test
    void theIoApicDeliversEdges() {
        enableApic();
        redirect(4, 0x44);
        InterruptLine line = chips.interrupt(4);
        line.set(true);
        assertThat(port.acknowledge()).isEqualTo(0x44);
        line.set(true);
        assertThat(port.pending()).isFalse();
        line.set(false);
        line.set(true);
        assertThat(port.pending()).isFalse(); // in service
        board.write32(LAPIC + 0xB0, 0);
        assertThat(port.acknowledge()).isEqualTo(0x44);
    }

    @Test
    void levelInterruptsWaitForTheEoi() {
        enableApic();
        redirect(20, 1 << 15 | 0x55);
        InterruptLine line = chips.interrupt(20);
        line.set(true);
        assertThat(port.acknowledge()).isEqualTo(0x55);
        assertThat(redirection(20) & 1 << 14).isNotZero(); // remote IRR
        board.write32(LAPIC + 0xB0, 0);
        assertThat(port.acknowledge()).isEqualTo(0x55); // still asserted
        line.set(false);
        board.write32(LAPIC + 0xB0, 0);
        assertThat(port.pending()).isFalse();
        assertThat(redirection(20) & 1 << 14).isZero();
    }

    @Test
    void unmaskingAHeldLevelDeliversIt() {
        enableApic();
        chips.interrupt(20).set(true);
        redirect(20, 1 << 15 | 0x55);
        assertThat(port.acknowledge()).isEqualTo(0x55);
    }

    @Test
    void theTimerIsOnInputTwo() {
        enableApic();
        redirect(2, 0x31);
        board.out(0x43, 0x34);
        board.out(0x40, 0xFF);
        board.out(0x40, 0x0F);
        board.advance(100_000_000);
        assertThat(port.acknowledge()).isEqualTo(0x31);
    }

    @Test
    void theCascadeIsNoLine() {
        assertThatThrownBy(() -> chips.interrupt(2)).hasMessageContaining("cascade");
        assertThatThrownBy(() -> chips.interrupt(24)).hasMessageContaining("24");
    }

    @Test
    void debugExitAndResetsAndPowerOffReachTheBoard() {
        board.out(0xF4, 0x31);
        board.out(0x64, 0xFE);
        board.out(0x92, 1);
        board.out(0xCF9, 0x02);
        board.out(0xCF9, 0x06);
        board.out(0x604, 2, 0x2000 | 5 << 10);
        assertThat(board.events)
                .containsExactly(
                        "exit 99",
                        "reset keyboard controller",
                        "reset system control port A (0x92)",
                        "reset reset control register (0xcf9)",
                        "off ACPI soft off (S5)");
    }

    @Test
    void otherSleepTypesAndReadsOfAcpi() {
        board.out(0x604, 2, 0x2000 | 1 << 10);
        assertThat(board.events).isEmpty();
        assertThat(board.in(0x604, 2) & 1).isEqualTo(1); // SCI_EN
        board.set(1_000_000_000L);
        assertThat(board.in(0x608, 4)).isEqualTo(3_579_545);
    }

    @Test
    void theTimerOverflowRaisesTheSci() {
        enableApic();
        redirect(9, 1 << 15 | 0x39);
        board.out(0x602, 2, 1);
        board.advance(601_000_000_000L); // 2^31 ticks are just under 600 s
        assertThat(port.acknowledge()).isEqualTo(0x39);
        board.out(0x600, 2, 1);
        board.write32(LAPIC + 0xB0, 0);
        assertThat(port.pending()).isFalse();
    }

    @Test
    void pciShowsAHostBridgeAndNothingElse() {
        board.out(0xCF8, 4, 0x8000_0000);
        assertThat(board.in(0xCF8, 4)).isEqualTo(0x8000_0000);
        assertThat(board.in(0xCFC, 2)).isEqualTo(0x8086);
        board.out(0xCF8, 4, 0x8000_0008);
        assertThat(board.in(0xCFE, 2)).isEqualTo(0x0600);
        board.out(0xCF8, 4, 0x8000_0800);
        assertThat(board.in(0xCFC, 4)).isEqualTo(-1);
    }

    @Test
    void theKeyboardControllerTestsItself() {
        board.out(0x64, 0xAA);
        assertThat(board.in(0x64) & 1).isEqualTo(1);
        assertThat(board.in(0x60)).isEqualTo(0x55);
        assertThat(board.in(0x64) & 1).isZero();
    }

    /** Guests may write anything anywhere: nothing throws, and the alarms stay a handful. */
    @Test
    void randomWritesDoNoHarm() {
        Random random = new Random(7);
        int[] ports = {
            0x20, 0x21, 0xA0, 0xA1, 0x4D0, 0x4D1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x60, 0x64, 0x92,
            0x70, 0x71, 0x3F8, 0x3F9, 0x3FA, 0x3FB, 0x3FC, 0x3FD, 0x3FE, 0x3FF, 0x600, 0x602, 0x604,
            0x608, 0xCF8, 0xCF9, 0xCFC
        };
        for (int i = 0; i < 200_000; i++) {
            int p = ports[random.nextInt(ports.length)];
            switch (random.nextInt(5)) {
                case 0 -> board.in(p);
                case 1 -> board.write32(LAPIC + (random.nextInt(0x400) & 0xFF0), random.nextInt());
                case 2 ->
                        board.write32(IoApic.BASE_GPA + random.nextInt(6) * 0x10, random.nextInt());
                case 3 -> board.advance(random.nextInt(20_000));
                default -> board.out(p, random.nextInt(256));
            }
            if (port.pending()) {
                assertThat(port.acknowledge()).isBetween(0, 255);
            }
        }
        assertThat(board.armed()).isLessThanOrEqualTo(6);
    }

    @Test
    void everyChipWithStateSavesAndLoadsIt() {
        randomWritesDoNoHarm();
        TestBoard other = new TestBoard();
        other.set(board.nanos());
        PcChipset copy = new PcChipset(other, other, 1, 512L << 20, 0);
        for (int i = 0; i < chips.devices().size(); i++) {
            Device d = chips.devices().get(i);
            if (d instanceof Stateful from && copy.devices().get(i) instanceof Stateful to) {
                StateSection s = new StateSection(d.id(), from.stateVersion());
                from.save(s);
                to.load(s);
                StateSection again = new StateSection(d.id(), to.stateVersion());
                to.save(again);
                assertThat(again).as(d.id()).isEqualTo(s);
            }
        }
    }

    @Test
    void resetQuietsEverything() {
        randomWritesDoNoHarm();
        for (Device d : chips.devices()) {
            if (d instanceof Resettable r) {
                r.reset();
            }
        }
        assertThat(port.pending()).isFalse();
        assertThat(board.armed()).isZero();
    }

    @Test
    void aLevelThatADisabledApicRefusesIsOfferedAgain() {
        enableApic();
        redirect(20, 1 << 15 | 0x55);
        board.write32(LAPIC + 0xF0, 0xFF);
        chips.interrupt(20).set(true);
        assertThat(port.pending()).isFalse();
        assertThat(redirection(20) & (1 << 12 | 1 << 14)).isEqualTo(1 << 12); // held
        board.write32(LAPIC + 0xF0, 0x1FF);
        assertThat(port.acknowledge()).isEqualTo(0x55);
        assertThat(redirection(20) & (1 << 12 | 1 << 14)).isEqualTo(1 << 14);
    }

    @Test
    void aLevelThatGoesIsNotOfferedAgain() {
        enableApic();
        redirect(20, 1 << 15 | 0x55);
        board.write32(LAPIC + 0xF0, 0xFF);
        chips.interrupt(20).set(true);
        chips.interrupt(20).set(false);
        board.write32(LAPIC + 0xF0, 0x1FF);
        assertThat(port.pending()).isFalse();
        assertThat(redirection(20) & 1 << 12).isZero();
    }

    @Test
    void anEdgeThatADisabledApicRefusesWaitsUnlessItIsMasked() {
        redirect(5, 0x45);
        chips.interrupt(5).set(true);
        redirect(6, 0x46);
        chips.interrupt(6).set(true);
        redirect(6, 0x1_0046);
        enableApic();
        assertThat(port.acknowledge()).isEqualTo(0x45);
        assertThat(port.pending()).isFalse();
        redirect(6, 0x46);
        assertThat(port.pending()).isFalse();
    }

    @Test
    void aMessageWaitsForWhoeverTakesItsDestination() {
        enableApic();
        redirect(20, 2L << 56 | 1 << 15 | 1 << 11 | 0x55); // logical destination 2
        chips.interrupt(20).set(true);
        assertThat(port.pending()).isFalse();
        board.write32(LAPIC + 0xD0, 2 << 24);
        assertThat(port.acknowledge()).isEqualTo(0x55);
    }

    @Test
    void edgesOfAMaskedInputAreLost() {
        enableApic();
        redirect(5, 0x1_0045);
        chips.interrupt(5).set(true);
        redirect(5, 0x45);
        assertThat(port.pending()).isFalse();
    }

    @Test
    void anNmiNeedsNoEnabledApicAndIsNeverLevel() {
        redirect(5, 1 << 15 | 4 << 8 | 0x02);
        chips.interrupt(5).set(true);
        assertThat(port.nmiPending()).isTrue();
        assertThat(redirection(5) & (1 << 12 | 1 << 14)).isZero();
    }

    /** How Linux tries its timer when nothing else works: the 8259's output as a fixed vector. */
    @Test
    void theFirstLocalInputMayBeAFixedVector() {
        programPic();
        enableApic();
        board.write32(LAPIC + 0x350, 0x31);
        chips.interrupt(4).set(true);
        assertThat(port.acknowledge()).isEqualTo(0x31);
        board.write32(LAPIC + 0xB0, 0);
        assertThat(port.pending()).isFalse();
    }

    @Test
    void theKeyboardControllerGivesBackWhatIsWrittenToItsBuffers() {
        programPic();
        board.out(0x64, 0x60);
        board.out(0x60, 0x47); // both interrupts, both enabled
        assertThat(board.in(0x64) & 4).isEqualTo(4);
        board.out(0x64, 0xD2);
        board.out(0x60, 0x1C);
        assertThat(port.acknowledge()).isEqualTo(0x31);
        assertThat(board.in(0x64) & 0x21).isEqualTo(1);
        assertThat(board.in(0x60)).isEqualTo(0x1C);
        assertThat(board.in(0x64) & 1).isZero();
        board.out(0x64, 0xD3);
        board.out(0x60, 0x08);
        assertThat(board.in(0x64) & 0x21).isEqualTo(0x21);
        board.out(0x64, 0xD4);
        board.out(0x60, 0xF4);
        assertThat(board.in(0x64) & 0x61).isEqualTo(0x61); // no mouse: timed out
        assertThat(board.in(0x60)).isEqualTo(0xFE);
    }

    @Test
    void theKeyboardControllerSwitchesA20() {
        board.out(0x64, 0xDD);
        assertThat(board.in(0x92) & 2).isZero();
        board.out(0x64, 0xDF);
        assertThat(board.in(0x92) & 2).isEqualTo(2);
        board.out(0x64, 0xD0);
        assertThat(board.in(0x60) & 3).isEqualTo(3);
    }

    @Test
    void theGlobalReleaseReadsAsZero() {
        board.out(0x604, 2, 0x0C06);
        assertThat(board.in(0x604, 2)).isEqualTo(0x0C03);
    }

    /** The IRQ 13 protocol: error, interrupt, port 0xf0, ignored until the error has gone. */
    @Test
    void anX87ErrorIsIrqThirteenUntilItIsAcknowledged() {
        programPic();
        for (int[] w : new int[][] {{0xA0, 0x11}, {0xA1, 0x70}, {0xA1, 2}, {0xA1, 1}, {0xA1, 0}}) {
            board.out(w[0], w[1]);
        }
        assertThat(port.floatingPointError(true)).isTrue();
        assertThat(port.ignoresFloatingPointErrors()).isFalse();
        assertThat(port.acknowledge()).isEqualTo(0x75);
        board.out(0xF0, 0);
        assertThat(port.ignoresFloatingPointErrors()).isTrue();
        port.floatingPointError(false);
        assertThat(port.ignoresFloatingPointErrors()).isFalse();
        board.out(0xF0, 0);
        assertThat(port.ignoresFloatingPointErrors()).isFalse(); // nothing to ignore
    }
}
