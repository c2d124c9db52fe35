// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.pit8254;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.device.StateSection;
import dev.faultline.device.pc.internal.TestBoard;
import dev.faultline.device.pc.internal.TestLine;
import dev.faultline.device.pc.internal.Ticks;
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
}
