// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.pit8254;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.device.StateSection;
import dev.faultline.device.pc.internal.TestLine;
import dev.faultline.device.pc.internal.chip.Ticks;
import dev.faultline.testkit.TestBoard;
import org.junit.jupiter.api.Test;

class Pit8254Test {
    private final TestBoard board = new TestBoard();
    private final TestLine irq0 = new TestLine();
    private final Pit8254 pit = new Pit8254(board, irq0);

    private void program(int channel, int mode, int count) {
        board.out(0x43, channel << 6 | 0x30 | mode << 1);
        board.out(0x40 + channel, count & 0xFF);
        board.out(0x40 + channel, count >> 8);
    }

    private int readLatched(int channel) {
        board.out(0x43, channel << 6);
        return board.in(0x40 + channel) | board.in(0x40 + channel) << 8;
    }

    private static long ticks(long n) {
        return Ticks.toNanos(n, PitChannel.HZ);
    }

    @Test
    void rateGeneratorInterruptsEveryPeriod() {
        program(0, PitChannel.MODE_RATE, 11932); // 100 Hz
        int before = irq0.edges;
        board.advance(1_000_000_000L);
        assertThat(irq0.edges - before).isBetween(99, 101);
    }

    @Test
    void terminalCountInterruptsOnce() {
        program(0, PitChannel.MODE_TERMINAL_COUNT, 1000);
        assertThat(irq0.asserted).isFalse();
        board.advance(ticks(999));
        assertThat(irq0.asserted).isFalse();
        board.advance(ticks(2));
        assertThat(irq0.asserted).isTrue();
        board.advance(1_000_000_000L);
        assertThat(irq0.edges).isEqualTo(1);
    }

    @Test
    void theCountRunsDown() {
        program(0, PitChannel.MODE_RATE, 1000);
        board.advance(ticks(300));
        assertThat(readLatched(0)).isEqualTo(700);
        board.advance(ticks(900));
        assertThat(readLatched(0)).isBetween(798, 801);
    }

    @Test
    void aLatchHoldsUntilItIsRead() {
        program(0, PitChannel.MODE_RATE, 0);
        board.advance(ticks(100));
        board.out(0x43, 0);
        board.advance(ticks(100));
        assertThat(board.in(0x40) | board.in(0x40) << 8).isEqualTo(0xFFFF - 99);
    }

    @Test
    void readBackGivesStatusThenCount() {
        program(0, PitChannel.MODE_SQUARE, 1000);
        board.out(0x43, 0xC2); // both, counter 0
        assertThat(board.in(0x40)).isEqualTo(0x80 | 0x30 | PitChannel.MODE_SQUARE << 1);
        assertThat(board.in(0x40) | board.in(0x40) << 8).isEqualTo(1000);
    }

    @Test
    void bcdCounts() {
        board.out(0x43, 0x35);
        board.out(0x40, 0x00);
        board.out(0x40, 0x10); // 1000
        board.advance(ticks(1));
        assertThat(readLatched(0)).isEqualTo(0x0999);
    }

    /** How Linux calibrates: counter 2 in mode 0, gated by port 0x61, until its output rises. */
    @Test
    void counterTwoIsGatedAndSeenThroughPort61() {
        board.out(0x61, 0);
        program(2, PitChannel.MODE_TERMINAL_COUNT, 1000);
        board.advance(ticks(5000));
        assertThat(board.in(0x61) & Pit8254.PORTB_OUT2).isZero();
        board.out(0x61, Pit8254.PORTB_GATE2);
        board.advance(ticks(900));
        assertThat(board.in(0x61) & Pit8254.PORTB_OUT2).isZero();
        board.advance(ticks(101));
        assertThat(board.in(0x61) & Pit8254.PORTB_OUT2).isNotZero();
    }

    @Test
    void aOneTickPeriodDoesNotFloodTheHost() {
        program(0, PitChannel.MODE_RATE, 1);
        int before = irq0.edges;
        board.advance(10_000_000);
        assertThat(irq0.edges - before).isLessThanOrEqualTo(200);
    }

    @Test
    void aPendingPeriodSurvivesSaving() {
        program(0, PitChannel.MODE_RATE, 11932);
        board.advance(5_000_000);
        StateSection saved = TestBoard.saved(pit);
        TestBoard other = new TestBoard();
        TestLine line = new TestLine();
        other.set(board.nanos());
        Pit8254 copy = new Pit8254(other, line);
        copy.load(saved);
        line.edges = 0;
        other.advance(4_900_000);
        assertThat(line.edges).isZero();
        other.advance(200_000);
        assertThat(line.edges).isEqualTo(1);
        assertThat(copy.stateVersion()).isEqualTo(pit.stateVersion());
    }

    /** Data sheet, "Mode 2": a new count is loaded at the end of the current period. */
    @Test
    void aNewCountWaitsForTheEndOfThePeriod() {
        program(0, PitChannel.MODE_RATE, 1000);
        board.advance(ticks(400));
        board.out(0x40, 100);
        board.out(0x40, 0);
        assertThat(status(0) & 0x40).isNotZero(); // null count
        assertThat(readLatched(0)).isEqualTo(600);
        int before = irq0.edges;
        board.advance(ticks(599));
        assertThat(irq0.edges).isEqualTo(before);
        board.advance(ticks(11));
        assertThat(irq0.edges).isEqualTo(before + 1);
        assertThat(status(0) & 0x40).isZero();
        assertThat(readLatched(0)).isBetween(89, 91);
    }

    @Test
    void aSquareWaveTakesANewCountAtTheEndOfItsHalf() {
        program(0, PitChannel.MODE_SQUARE, 1000);
        board.advance(ticks(100));
        board.out(0x40, 200);
        board.out(0x40, 0);
        board.advance(ticks(399));
        assertThat(status(0) & 0x80).isNotZero();
        board.advance(ticks(2));
        assertThat(status(0) & 0x80).isZero(); // the low half, of 100 ticks
        int before = irq0.edges;
        board.advance(ticks(97));
        assertThat(irq0.edges).isEqualTo(before);
        board.advance(ticks(5));
        assertThat(irq0.edges).isEqualTo(before + 1);
        assertThat(status(0) & 0x80).isNotZero();
    }

    @Test
    void theCountOfASquareWaveFallsByTwoInEachHalf() {
        program(0, PitChannel.MODE_SQUARE, 1000);
        board.advance(ticks(100));
        assertThat(readLatched(0)).isEqualTo(800);
        board.advance(ticks(500));
        assertThat(readLatched(0)).isBetween(796, 802);
    }

    /** Data sheet, "Mode 1": the gate triggers, and triggers again; writing does not. */
    @Test
    void aOneShotWaitsForItsGate() {
        board.out(0x61, 0);
        program(2, PitChannel.MODE_ONE_SHOT, 1000);
        assertThat(status(2)).isEqualTo(0xC0 | 0x30 | PitChannel.MODE_ONE_SHOT << 1);
        board.advance(ticks(2000));
        assertThat(board.in(0x61) & Pit8254.PORTB_OUT2).isNotZero();
        board.out(0x61, Pit8254.PORTB_GATE2);
        assertThat(board.in(0x61) & Pit8254.PORTB_OUT2).isZero();
        board.advance(ticks(600));
        board.out(0x61, 0); // no effect
        board.out(0x61, Pit8254.PORTB_GATE2); // again
        board.advance(ticks(999));
        assertThat(board.in(0x61) & Pit8254.PORTB_OUT2).isZero();
        board.advance(ticks(3));
        assertThat(board.in(0x61) & Pit8254.PORTB_OUT2).isNotZero();
    }

    @Test
    void aCountWrittenDuringAOneShotIsTheNextOnes() {
        board.out(0x61, 0);
        program(2, PitChannel.MODE_ONE_SHOT, 1000);
        board.out(0x61, Pit8254.PORTB_GATE2);
        board.advance(ticks(100));
        board.out(0x42, 200);
        board.out(0x42, 0);
        board.advance(ticks(890));
        assertThat(board.in(0x61) & Pit8254.PORTB_OUT2).isZero();
        board.advance(ticks(12));
        assertThat(board.in(0x61) & Pit8254.PORTB_OUT2).isNotZero();
        board.out(0x61, 0);
        board.out(0x61, Pit8254.PORTB_GATE2);
        board.advance(ticks(202));
        assertThat(board.in(0x61) & Pit8254.PORTB_OUT2).isNotZero();
    }

    /** Data sheet, "Mode 4" and "Mode 5": low for one tick when the count has run out. */
    @Test
    void strobesAreLowForOneTick() {
        program(0, PitChannel.MODE_SOFTWARE_STROBE, 1000);
        assertThat(status(0) & 0x80).isNotZero();
        board.advance(ticks(1000));
        assertThat(status(0) & 0x80).isZero();
        int before = irq0.edges;
        board.advance(ticks(2));
        assertThat(status(0) & 0x80).isNotZero();
        assertThat(irq0.edges).isEqualTo(before + 1);
        board.advance(ticks(100_000));
        assertThat(irq0.edges).isEqualTo(before + 1);
    }

    @Test
    void aHardwareStrobeIsTriggeredByTheGate() {
        board.out(0x61, 0);
        program(2, PitChannel.MODE_HARDWARE_STROBE, 1000);
        board.advance(ticks(1000));
        assertThat(board.in(0x61) & Pit8254.PORTB_OUT2).isNotZero();
        board.out(0x61, Pit8254.PORTB_GATE2);
        board.advance(ticks(1000));
        assertThat(board.in(0x61) & Pit8254.PORTB_OUT2).isZero();
        board.advance(ticks(2));
        assertThat(board.in(0x61) & Pit8254.PORTB_OUT2).isNotZero();
    }

    @Test
    void theGateHoldsAndReloadsARateGenerator() {
        board.out(0x61, Pit8254.PORTB_GATE2);
        program(2, PitChannel.MODE_RATE, 1000);
        board.advance(ticks(300));
        board.out(0x61, 0);
        board.advance(ticks(5000));
        assertThat(readLatched(2)).isEqualTo(700);
        assertThat(board.in(0x61) & Pit8254.PORTB_OUT2).isNotZero();
        board.out(0x61, Pit8254.PORTB_GATE2);
        board.advance(ticks(100));
        assertThat(readLatched(2)).isEqualTo(900);
    }

    @Test
    void theFirstByteOfTwoStopsATerminalCount() {
        program(0, PitChannel.MODE_TERMINAL_COUNT, 1000);
        board.advance(ticks(300));
        board.out(0x40, 50);
        board.advance(ticks(5000));
        assertThat(irq0.edges).isZero();
        assertThat(readLatched(0)).isEqualTo(700);
        board.out(0x40, 0);
        board.advance(ticks(52));
        assertThat(irq0.edges).isEqualTo(1);
    }

    @Test
    void aTerminalCountGoesOnBelowZero() {
        program(0, PitChannel.MODE_TERMINAL_COUNT, 1000);
        board.advance(ticks(1010));
        assertThat(readLatched(0)).isEqualTo(0x1_0000 - 10);
        board.out(0x43, 0x31); // BCD
        board.out(0x40, 0x10);
        board.out(0x40, 0);
        board.advance(ticks(11));
        assertThat(readLatched(0)).isEqualTo(0x9999);
    }

    @Test
    void theSecondLatchCommandIsIgnored() {
        program(0, PitChannel.MODE_RATE, 1000);
        board.out(0x43, 0);
        board.advance(ticks(100));
        board.out(0x43, 0);
        assertThat(board.in(0x40) | board.in(0x40) << 8).isEqualTo(1000);
    }

    @Test
    void oneByteAccessesSetTheOtherToZero() {
        board.out(0x43, 0x14); // low byte only, mode 2
        board.out(0x40, 0x80);
        assertThat(board.in(0x40)).isEqualTo(0x80);
        board.out(0x43, 0x24); // high byte only
        board.out(0x40, 0x12);
        assertThat(board.in(0x40)).isEqualTo(0x12);
        board.advance(ticks(0x110));
        assertThat(board.in(0x40)).isEqualTo(0x10);
    }

    /** Whoever looks finds what was due done, though the host's alarm has not come yet. */
    @Test
    void whatIsDueHasHappenedBeforeALook() {
        program(0, PitChannel.MODE_TERMINAL_COUNT, 1000);
        board.set(board.nanos() + ticks(1001));
        assertThat(status(0) & 0x80).isNotZero();
        assertThat(irq0.edges).isEqualTo(1);
        board.advance(1_000_000);
        assertThat(irq0.edges).isEqualTo(1);
    }

    private int status(int channel) {
        board.out(0x43, 0xE0 | 2 << channel);
        return board.in(0x40 + channel);
    }

    @Test
    void aCounterOfVersionOneIsMigrated() {
        StateSection one = new StateSection("pit", 1);
        for (int i = 0; i < 3; i++) {
            one.put(
                    "counter" + i,
                    new long[] {PitChannel.MODE_RATE, 3, 0, 1, 1000, 0, 0, 0, 0, 0, -1, -1});
        }
        one.put("portB", 1);
        board.set(ticks(300));
        pit.load(new PitMigrator().migrate(one));
        assertThat(readLatched(0)).isEqualTo(700);
        irq0.edges = 0;
        irq0.asserted = false;
        board.advance(ticks(705));
        assertThat(irq0.edges).isEqualTo(1);
    }
}
