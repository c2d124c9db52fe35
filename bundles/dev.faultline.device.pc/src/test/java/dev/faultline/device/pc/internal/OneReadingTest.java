// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.cpu.InterruptPort;
import dev.faultline.device.pc.internal.ioapic.IoApic;
import dev.faultline.testkit.TestBoard;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A device operation reads guest time once. Between two readings the host may stall for as long as
 * it likes; what one operation computes from two different times is lost or wrong.
 */
class OneReadingTest {
    private static final long LAPIC = 0xFEE0_0000L;
    private static final long SECOND = 1_000_000_000L;
    private static final int VECTOR = 0x60;

    private static final int[] PORTS = {
        0x20, 0x21, 0xA0, 0xA1, 0x4D0, 0x40, 0x41, 0x42, 0x43, 0x61, 0x60, 0x64, 0x70, 0x71, 0x3F8,
        0x3F9, 0x3FA, 0x3FB, 0x3FC, 0x3FD, 0x600, 0x602, 0x604, 0x608, 0xCF8
    };

    private final TestBoard board = new TestBoard();
    private final PcChipset chips = new PcChipset(board, board, 1, 512L << 20, 1_000_000_000L);
    private final InterruptPort port = chips.interrupts(0);

    /** By construction: whatever is accessed, in whatever state. */
    @Test
    void noOperationReadsTheClockTwice() {
        for (int seed = 0; seed < 20; seed++) {
            Random r = new Random(seed);
            for (int i = 0; i < 5_000; i++) {
                long before = board.readings;
                String what = operation(r);
                assertThat(board.readings - before).as(what).isLessThanOrEqualTo(1);
                board.stall = r.nextInt(8) == 0 ? n -> r.nextInt(3_000_000) : n -> 0;
                board.set(board.time() + r.nextInt(100_000));
            }
        }
    }

    private String operation(Random r) {
        int p = PORTS[r.nextInt(PORTS.length)];
        long register = LAPIC + (r.nextInt(0x400) & 0xFF0);
        int value = r.nextInt();
        switch (r.nextInt(9)) {
            case 0 -> board.in(p);
            case 1, 2 -> board.out(p, value & 0xFF);
            case 3 -> board.write32(register, value);
            case 4 -> board.read32(register);
            case 5 -> board.write32(IoApic.BASE_GPA + r.nextInt(2) * 0x10, value);
            case 6 -> port.tscDeadline(board.time() + r.nextInt(9_000_000));
            case 7 -> {
                board.write32(LAPIC + 0x320, r.nextInt(4) << 17 | VECTOR);
                return "LVT";
            }
            default -> {
                board.fireOne();
                return "alarm";
            }
        }
        return "port 0x%x or register 0x%x".formatted(p, register);
    }

    /** What a guest programs, and how it sees that the time came. */
    private enum Timer {
        PIT_TERMINAL_COUNT(t -> t.pit(0, 0x20), 1),
        PIT_RATE(t -> t.pit(2, 0x20), Integer.MAX_VALUE),
        PIT_SQUARE(t -> t.pit(3, 0x20), Integer.MAX_VALUE),
        PIT_STROBE(t -> t.pit(4, 0x20), 1),
        PIT_LONG(t -> t.pit(0, 0xFFFF), 1),
        RTC_UPDATE(t -> t.rtc(0x26, 0x12), Integer.MAX_VALUE),
        RTC_PERIODIC(t -> t.rtc(0x26, 0x42), Integer.MAX_VALUE),
        RTC_ALARM(t -> t.alarm(), Integer.MAX_VALUE),
        APIC_ONE_SHOT(t -> t.apic(0, 30), 1),
        APIC_LONG(t -> t.apic(0, 1_000_000_000), 1),
        APIC_PERIODIC(t -> t.apic(1, 1000), Integer.MAX_VALUE),
        APIC_DEADLINE(t -> t.deadline(1000), 1),
        ACPI_OVERFLOW(t -> t.overflow(), 4);

        final Consumer<OneReadingTest> program;
        final int most;

        Timer(Consumer<OneReadingTest> program, int most) {
            this.program = program;
            this.most = most;
        }
    }

    private static final long[] STALLS = {
        1_000, 30_000, 200_000, 60_000_000, SECOND, 5 * SECOND, 700 * SECOND
    };

    @ParameterizedTest
    @EnumSource
    void noStallLosesAnInterrupt(Timer timer) {
        long readings = readingsOf(timer);
        assertThat(readings).isPositive();
        for (long stall : STALLS) {
            for (long k = 0; k < readings; k++) {
                OneReadingTest t = new OneReadingTest();
                long at = k;
                t.board.stall = n -> n == t.first + at ? stall : 0;
                assertThat(t.interrupts(timer))
                        .as("%s, %d ns after reading %d", timer, stall, k)
                        .isBetween(1, timer.most);
            }
        }
    }

    private static long readingsOf(Timer timer) {
        OneReadingTest t = new OneReadingTest();
        t.prepare();
        timer.program.accept(t);
        return t.board.readings - t.first;
    }

    private long first = Long.MAX_VALUE;

    private void prepare() {
        board.write32(LAPIC + 0xF0, 0x1FF);
        for (int input : new int[] {2, 8, 9}) {
            board.write32(IoApic.BASE_GPA, 0x10 + 2 * input);
            board.write32(IoApic.BASE_GPA + 0x10, VECTOR + input);
        }
        first = board.readings;
    }

    /** How often the guest is interrupted, which looks twenty times. */
    private int interrupts(Timer timer) {
        prepare();
        timer.program.accept(this);
        int count = 0;
        long sleep = timer == Timer.ACPI_OVERFLOW ? 60 * SECOND : 100_000_000;
        for (int i = 0; i < 20; i++) {
            if (port.pending()) {
                count++;
                port.acknowledge();
                board.write32(LAPIC + 0xB0, 0);
                board.out(0x70, 0x0C);
                board.in(0x71);
                board.out(0x600, 2, 1);
            }
            board.advance(sleep);
        }
        return count;
    }

    private void pit(int mode, int count) {
        board.out(0x43, 0x30 | mode << 1);
        while (port.pending()) { // the output of most modes is high at first
            port.acknowledge();
            board.write32(LAPIC + 0xB0, 0);
        }
        board.out(0x40, count & 0xFF);
        board.out(0x40, count >> 8);
    }

    private void rtc(int a, int b) {
        board.out(0x70, 0x0A);
        board.out(0x71, a);
        board.out(0x70, 0x0B);
        board.out(0x71, b);
    }

    private void alarm() {
        for (int register : new int[] {1, 3, 5}) {
            board.out(0x70, register);
            board.out(0x71, 0xC0); // any
        }
        rtc(0x26, 0x22);
    }

    private void apic(int mode, int count) {
        board.write32(LAPIC + 0x3E0, 0xB);
        board.write32(LAPIC + 0x320, mode << 17 | VECTOR);
        board.write32(LAPIC + 0x380, count);
    }

    private void deadline(long nanos) {
        board.write32(LAPIC + 0x320, 2 << 17 | VECTOR);
        port.tscDeadline(board.time() + nanos);
    }

    private void overflow() {
        board.out(0x602, 2, 1);
    }
}
