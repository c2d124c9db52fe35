// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.cmos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.device.StateSection;
import dev.faultline.device.pc.internal.TestBoard;
import dev.faultline.device.pc.internal.TestLine;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;

class CmosTest {
    private static final long START =
            LocalDateTime.of(2026, 11, 22, 23, 59, 58).toEpochSecond(ZoneOffset.UTC);
    private static final long SECOND = 1_000_000_000L;
    private final TestBoard board = new TestBoard();
    private final TestLine irq8 = new TestLine();
    private final Cmos cmos = new Cmos(board, irq8, START, 5L << 30, 2);

    private int get(int register) {
        board.out(0x70, register);
        return board.in(0x71);
    }

    private void put(int register, int value) {
        board.out(0x70, register);
        board.out(0x71, value);
    }

    @Test
    void showsTheTimeInBcd() {
        assertThat(get(Cmos.SECONDS)).isEqualTo(0x58);
        assertThat(get(Cmos.MINUTES)).isEqualTo(0x59);
        assertThat(get(Cmos.HOURS)).isEqualTo(0x23);
        assertThat(get(Cmos.DAY_OF_MONTH)).isEqualTo(0x22);
        assertThat(get(Cmos.MONTH)).isEqualTo(0x11);
        assertThat(get(Cmos.YEAR)).isEqualTo(0x26);
        assertThat(get(Cmos.CENTURY)).isEqualTo(0x20);
        assertThat(get(Cmos.DAY_OF_WEEK)).isEqualTo(1); // a Sunday
        assertThat(get(Cmos.REG_D)).isEqualTo(Cmos.D_VALID);
    }

    @Test
    void timePassesIntoTheNextDay() {
        board.advance(2 * SECOND);
        assertThat(get(Cmos.SECONDS)).isZero();
        assertThat(get(Cmos.HOURS)).isZero();
        assertThat(get(Cmos.DAY_OF_MONTH)).isEqualTo(0x23);
    }

    @Test
    void binaryAndTwelveHourFormats() {
        put(Cmos.REG_B, Cmos.B_BINARY);
        assertThat(get(Cmos.HOURS)).isEqualTo(0x80 | 11);
        assertThat(get(Cmos.SECONDS)).isEqualTo(58);
        board.advance(2 * SECOND);
        assertThat(get(Cmos.HOURS)).isEqualTo(12); // 12 AM
    }

    @Test
    void settingTheTimeStopsItMeanwhile() {
        put(Cmos.REG_B, Cmos.B_24H | Cmos.B_SET);
        board.advance(5 * SECOND);
        assertThat(get(Cmos.SECONDS)).isEqualTo(0x58);
        put(Cmos.HOURS, 0x12);
        put(Cmos.SECONDS, 0x30);
        put(Cmos.REG_B, Cmos.B_24H);
        board.advance(SECOND);
        assertThat(get(Cmos.HOURS)).isEqualTo(0x12);
        assertThat(get(Cmos.SECONDS)).isEqualTo(0x31);
    }

    @Test
    void nonsenseInTheTimeRegistersIsHarmless() {
        put(Cmos.MONTH, 0xFF);
        put(Cmos.DAY_OF_MONTH, 0);
        assertThat(get(Cmos.MONTH)).isEqualTo(0x11);
    }

    @Test
    void updateInProgressPrecedesTheSecond() {
        assertThat(get(Cmos.REG_A) & Cmos.A_UIP).isZero();
        board.advance(SECOND - 1_000_000);
        assertThat(get(Cmos.REG_A) & Cmos.A_UIP).isNotZero();
        board.advance(1_000_001);
        assertThat(get(Cmos.REG_A) & Cmos.A_UIP).isZero();
    }

    @Test
    void updateInterruptComesEverySecond() {
        put(Cmos.REG_B, Cmos.B_24H | Cmos.B_UIE);
        board.advance(SECOND);
        assertThat(irq8.asserted).isTrue();
        assertThat(get(Cmos.REG_C) & ~Cmos.C_PF).isEqualTo(Cmos.C_IRQF | Cmos.C_UF);
        assertThat(irq8.asserted).isFalse();
        assertThat(get(Cmos.REG_C)).isZero();
        board.advance(SECOND);
        assertThat(irq8.edges).isEqualTo(2);
    }

    @Test
    void alarmWithDontCareHours() {
        put(Cmos.SECONDS_ALARM, 0x05);
        put(Cmos.MINUTES_ALARM, 0x00);
        put(Cmos.HOURS_ALARM, 0xC0);
        put(Cmos.REG_B, Cmos.B_24H | Cmos.B_AIE);
        board.advance(6 * SECOND);
        assertThat(irq8.asserted).isFalse();
        board.advance(SECOND);
        assertThat(irq8.asserted).isTrue();
        assertThat(get(Cmos.REG_C) & Cmos.C_AF).isNotZero();
    }

    @Test
    void periodicInterruptAtItsRate() {
        put(Cmos.REG_A, 0x2F); // 2 Hz
        put(Cmos.REG_B, Cmos.B_24H | Cmos.B_PIE);
        board.advance(SECOND / 2);
        assertThat(irq8.asserted).isTrue();
        get(Cmos.REG_C);
        board.advance(SECOND / 2 - 1_000);
        assertThat(irq8.asserted).isFalse();
        board.advance(1_000);
        assertThat(irq8.asserted).isTrue();
    }

    @Test
    void reportsMemory() {
        assertThat(get(0x15) | get(0x16) << 8).isEqualTo(640);
        assertThat(get(0x34) | get(0x35) << 8).isEqualTo(((3 << 10) - 16) * 16);
        assertThat(get(0x5B) | get(0x5C) << 8 | get(0x5D) << 16).isEqualTo((2 << 10) * 16);
    }

    /** Digits that are none give years that the chip has not: what it saves, it loads. */
    @Test
    void wildDigitsLeaveATimeThatCanBeSaved() {
        for (int century = 0; century < 256; century++) {
            for (int year : new int[] {0, 0x99, 0xFF}) {
                board.out(0x70, Cmos.CENTURY);
                board.out(0x71, century);
                board.out(0x70, Cmos.YEAR);
                board.out(0x71, year);
                cmos.load(TestBoard.saved(cmos));
            }
        }
    }

    @Test
    void stateComesBackAndAWildTimeIsRefused() {
        put(0x40, 0x77);
        put(Cmos.REG_B, Cmos.B_24H | Cmos.B_UIE);
        StateSection saved = TestBoard.saved(cmos);
        TestBoard other = new TestBoard();
        TestLine line = new TestLine();
        Cmos copy = new Cmos(other, line, 0, 1 << 20, 1);
        copy.load(saved);
        assertThat(TestBoard.saved(copy)).isEqualTo(saved);
        other.advance(SECOND);
        assertThat(line.asserted).isTrue();
        saved.put("baseSecond", Long.MAX_VALUE);
        assertThatThrownBy(() -> copy.load(saved)).hasMessageContaining("years 1 to 9999");
    }
}
