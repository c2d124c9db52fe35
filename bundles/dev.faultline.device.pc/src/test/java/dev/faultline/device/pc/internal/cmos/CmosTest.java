// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.cmos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.device.StateSection;
import dev.faultline.device.pc.internal.TestLine;
import dev.faultline.testkit.TestBoard;
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
        assertThat(get(ClockRegisters.SECONDS)).isEqualTo(0x58);
        assertThat(get(ClockRegisters.MINUTES)).isEqualTo(0x59);
        assertThat(get(ClockRegisters.HOURS)).isEqualTo(0x23);
        assertThat(get(ClockRegisters.DAY_OF_MONTH)).isEqualTo(0x22);
        assertThat(get(ClockRegisters.MONTH)).isEqualTo(0x11);
        assertThat(get(ClockRegisters.YEAR)).isEqualTo(0x26);
        assertThat(get(ClockRegisters.CENTURY)).isEqualTo(0x20);
        assertThat(get(ClockRegisters.DAY_OF_WEEK)).isEqualTo(1); // a Sunday
        assertThat(get(Cmos.REG_D)).isEqualTo(Cmos.D_VALID);
    }

    @Test
    void timePassesIntoTheNextDay() {
        board.advance(2 * SECOND);
        assertThat(get(ClockRegisters.SECONDS)).isZero();
        assertThat(get(ClockRegisters.HOURS)).isZero();
        assertThat(get(ClockRegisters.DAY_OF_MONTH)).isEqualTo(0x23);
    }

    @Test
    void binaryAndTwelveHourFormats() {
        put(Cmos.REG_B, Cmos.B_BINARY);
        put(ClockRegisters.HOURS, 0x80 | 11);
        put(ClockRegisters.MINUTES, 59);
        put(ClockRegisters.SECONDS, 58);
        put(ClockRegisters.DAY_OF_MONTH, 30);
        put(ClockRegisters.MONTH, 11);
        board.advance(2 * SECOND);
        assertThat(get(ClockRegisters.HOURS)).isEqualTo(12); // 12 AM
        assertThat(get(ClockRegisters.MINUTES)).isZero();
        assertThat(get(ClockRegisters.DAY_OF_MONTH)).isEqualTo(1);
        assertThat(get(ClockRegisters.MONTH)).isEqualTo(12);
    }

    /** Register B says how bytes are read, not that they be changed. */
    @Test
    void switchesOfFormatKeepTheBytes() {
        put(Cmos.REG_B, Cmos.B_SET | Cmos.B_24H);
        put(ClockRegisters.HOURS, 0x12);
        put(Cmos.REG_B, Cmos.B_SET | Cmos.B_BINARY);
        assertThat(get(ClockRegisters.HOURS)).isEqualTo(0x12);
        assertThat(get(ClockRegisters.SECONDS)).isEqualTo(0x58);
        put(Cmos.REG_B, Cmos.B_24H);
        board.advance(SECOND);
        assertThat(get(ClockRegisters.HOURS)).isEqualTo(0x12);
        assertThat(get(ClockRegisters.SECONDS)).isEqualTo(0x59);
    }

    @Test
    void theDayMayBeWrittenBeforeItsMonth() {
        put(Cmos.REG_B, Cmos.B_SET | Cmos.B_24H);
        put(ClockRegisters.MONTH, 0x02);
        put(ClockRegisters.DAY_OF_MONTH, 0x31);
        put(ClockRegisters.MONTH, 0x03);
        put(Cmos.REG_B, Cmos.B_24H);
        assertThat(get(ClockRegisters.DAY_OF_MONTH)).isEqualTo(0x31);
        assertThat(get(ClockRegisters.MONTH)).isEqualTo(0x03);
        board.advance(2 * SECOND);
        assertThat(get(ClockRegisters.DAY_OF_MONTH)).isEqualTo(0x01);
        assertThat(get(ClockRegisters.MONTH)).isEqualTo(0x04);
    }

    @Test
    void februaryHasADayMoreInLeapYears() {
        put(Cmos.REG_B, Cmos.B_SET | Cmos.B_24H);
        put(ClockRegisters.YEAR, 0x28);
        put(ClockRegisters.MONTH, 0x02);
        put(ClockRegisters.DAY_OF_MONTH, 0x28);
        put(Cmos.REG_B, Cmos.B_24H);
        board.advance(2 * SECOND);
        assertThat(get(ClockRegisters.DAY_OF_MONTH)).isEqualTo(0x29);
        board.advance(86_400 * SECOND);
        assertThat(get(ClockRegisters.DAY_OF_MONTH)).isEqualTo(0x01);
        assertThat(get(ClockRegisters.MONTH)).isEqualTo(0x03);
    }

    @Test
    void centuriesPass() {
        put(ClockRegisters.CENTURY, 0x20);
        put(ClockRegisters.YEAR, 0x99);
        put(ClockRegisters.MONTH, 0x12);
        put(ClockRegisters.DAY_OF_MONTH, 0x31);
        board.advance(2 * SECOND);
        assertThat(get(ClockRegisters.CENTURY)).isEqualTo(0x21);
        assertThat(get(ClockRegisters.YEAR)).isZero();
        assertThat(get(ClockRegisters.MONTH)).isEqualTo(1);
    }

    /** The day of the week is a counter, whatever the date. */
    @Test
    void theDayOfTheWeekIsWhatWasWritten() {
        put(ClockRegisters.DAY_OF_WEEK, 7);
        assertThat(get(ClockRegisters.DAY_OF_WEEK)).isEqualTo(7);
        board.advance(2 * SECOND);
        assertThat(get(ClockRegisters.DAY_OF_WEEK)).isEqualTo(1);
    }

    /** Data sheet, "Divider Stages": the first update is half a second after the reset goes. */
    @Test
    void theDividerChainIsHeldInReset() {
        put(Cmos.REG_A, 0x76);
        board.advance(5 * SECOND);
        assertThat(get(ClockRegisters.SECONDS)).isEqualTo(0x58);
        assertThat(get(Cmos.REG_A)).isEqualTo(0x76);
        get(Cmos.REG_C);
        put(Cmos.REG_A, 0x26);
        board.advance(SECOND / 2 - 1);
        assertThat(get(ClockRegisters.SECONDS)).isEqualTo(0x58);
        board.advance(1);
        assertThat(get(ClockRegisters.SECONDS)).isEqualTo(0x59);
        board.advance(SECOND);
        assertThat(get(ClockRegisters.SECONDS)).isZero();
    }

    /** IRQF is made of flags and enables: an enable that comes or goes is enough. */
    @Test
    void anEnableActsOnAFlagThatIsSet() {
        board.advance(SECOND);
        assertThat(irq8.asserted).isFalse();
        put(Cmos.REG_B, Cmos.B_24H | Cmos.B_UIE);
        assertThat(irq8.asserted).isTrue();
        put(Cmos.REG_B, Cmos.B_24H);
        assertThat(irq8.asserted).isFalse();
        assertThat(get(Cmos.REG_C)).isEqualTo(Cmos.C_UF | Cmos.C_PF);
        put(Cmos.REG_B, Cmos.B_24H | Cmos.B_UIE);
        assertThat(irq8.asserted).isFalse();
    }

    @Test
    void settingClearsTheUpdateInterruptAndStopsUpdates() {
        put(Cmos.REG_B, Cmos.B_24H | Cmos.B_UIE | Cmos.B_SET);
        assertThat(get(Cmos.REG_B)).isEqualTo(Cmos.B_24H | Cmos.B_SET);
        board.advance(SECOND - 1_000_000);
        assertThat(get(Cmos.REG_A) & Cmos.A_UIP).isZero();
        board.advance(2 * SECOND);
        assertThat(get(Cmos.REG_C) & Cmos.C_UF).isZero();
    }

    /** index and data by one OUT of a word. */
    @Test
    void aWordIsTwoBytes() {
        board.out(0x70, 2, 0x5540);
        assertThat(get(0x40)).isEqualTo(0x55);
    }

    @Test
    void daysWithoutALookPass() {
        put(ClockRegisters.SECONDS_ALARM, 0x00);
        put(ClockRegisters.MINUTES_ALARM, 0x00);
        put(ClockRegisters.HOURS_ALARM, 0x12);
        get(Cmos.REG_C);
        board.advance(400L * 86_400 * SECOND);
        assertThat(get(ClockRegisters.DAY_OF_MONTH)).isEqualTo(0x27);
        assertThat(get(ClockRegisters.MONTH)).isEqualTo(0x12);
        assertThat(get(ClockRegisters.YEAR)).isEqualTo(0x27);
        assertThat(get(ClockRegisters.SECONDS)).isEqualTo(0x58);
        assertThat(get(Cmos.REG_C) & Cmos.C_AF).isNotZero();
    }

    /**
     * Firmware's part: what a guest left in the registers does not make the next one's time wrong.
     */
    @Test
    void aResetKeepsTheTimeAndSetsTheFormat() {
        put(Cmos.REG_B, Cmos.B_BINARY | Cmos.B_PIE);
        put(ClockRegisters.HOURS, 0x80 | 3);
        put(ClockRegisters.MINUTES, 45);
        put(0x40, 0x77);
        cmos.reset();
        assertThat(get(Cmos.REG_B)).isEqualTo(Cmos.B_24H);
        assertThat(get(ClockRegisters.HOURS)).isEqualTo(0x15);
        assertThat(get(ClockRegisters.MINUTES)).isEqualTo(0x45);
        assertThat(get(0x40)).isEqualTo(0x77);
    }

    @Test
    void settingTheTimeStopsItMeanwhile() {
        put(Cmos.REG_B, Cmos.B_24H | Cmos.B_SET);
        board.advance(5 * SECOND);
        assertThat(get(ClockRegisters.SECONDS)).isEqualTo(0x58);
        put(ClockRegisters.HOURS, 0x12);
        put(ClockRegisters.SECONDS, 0x30);
        put(Cmos.REG_B, Cmos.B_24H);
        board.advance(SECOND);
        assertThat(get(ClockRegisters.HOURS)).isEqualTo(0x12);
        assertThat(get(ClockRegisters.SECONDS)).isEqualTo(0x31);
    }

    @Test
    void nonsenseStaysUntilItIsCounted() {
        put(ClockRegisters.MONTH, 0xFF);
        put(ClockRegisters.DAY_OF_MONTH, 0);
        assertThat(get(ClockRegisters.MONTH)).isEqualTo(0xFF);
        board.advance(2 * SECOND);
        assertThat(get(ClockRegisters.DAY_OF_MONTH)).isEqualTo(0x01);
        assertThat(get(ClockRegisters.MONTH)).isEqualTo(0x01);
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
        put(ClockRegisters.SECONDS_ALARM, 0x05);
        put(ClockRegisters.MINUTES_ALARM, 0x00);
        put(ClockRegisters.HOURS_ALARM, 0xC0);
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
                board.out(0x70, ClockRegisters.CENTURY);
                board.out(0x71, century);
                board.out(0x70, ClockRegisters.YEAR);
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
        saved.put("base", Long.MAX_VALUE);
        assertThatThrownBy(() -> copy.load(saved)).hasMessageContaining("base");
    }

    @Test
    void aClockOfVersionOneIsMigrated() {
        StateSection one = new StateSection("cmos", 1);
        byte[] ram = new byte[128];
        ram[Cmos.REG_A] = 0x26;
        ram[Cmos.REG_B] = Cmos.B_24H;
        one.put("ram", ram);
        one.put("index", 0);
        one.put("flags", 0);
        one.put("baseSecond", START - 7);
        one.put("frozenSecond", 0L);
        one.put("seenNanos", 7 * SECOND + 5);
        board.set(8 * SECOND);
        cmos.load(new CmosMigrator().migrate(one));
        assertThat(get(ClockRegisters.SECONDS)).isEqualTo(0x59);
        assertThat(get(ClockRegisters.HOURS)).isEqualTo(0x23);
        assertThat(get(ClockRegisters.YEAR)).isEqualTo(0x26);
        one.put("baseSecond", Long.MAX_VALUE);
        assertThatThrownBy(() -> new CmosMigrator().migrate(one))
                .hasMessageContaining("baseSecond");
    }
}
