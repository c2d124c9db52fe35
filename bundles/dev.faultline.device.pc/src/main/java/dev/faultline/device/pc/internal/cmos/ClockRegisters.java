// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.cmos;

import java.time.LocalDateTime;

/**
 * The time, calendar and alarm bytes of an MC146818A (Motorola data sheet, "Time, Calendar, and
 * Alarm Locations"). They are bytes: what software writes stays as it is until the chip counts it
 * on, and is understood by the format that register B asks for at that moment. A field that holds
 * no value of its range becomes its least one when it is next counted, with a carry.
 */
final class ClockRegisters {
    static final int SECONDS = 0;
    static final int SECONDS_ALARM = 1;
    static final int MINUTES = 2;
    static final int MINUTES_ALARM = 3;
    static final int HOURS = 4;
    static final int HOURS_ALARM = 5;
    static final int DAY_OF_WEEK = 6;
    static final int DAY_OF_MONTH = 7;
    static final int MONTH = 8;
    static final int YEAR = 9;
    static final int REG_B = 11;
    static final int CENTURY = 0x32;
    static final int B_BINARY = 4;
    static final int B_24H = 2;
    private static final int DONT_CARE = 0xC0;
    private static final int PM = 0x80;
    private static final int[] DAYS = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    private final byte[] ram;

    /**
     * @param ram of the chip, register B included; changed in place
     */
    ClockRegisters(byte[] ram) {
        this.ram = ram;
    }

    static boolean isTime(int register) {
        return register <= YEAR || register == CENTURY;
    }

    private boolean has(int bit) {
        return (ram[REG_B] & bit) != 0;
    }

    // ---- one field

    /** Its value, or -1 if it holds none from {@code least} to {@code most}. */
    private int get(int register, int least, int most) {
        int v = decode(ram[register] & 0xFF);
        return v >= least && v <= most ? v : -1;
    }

    private int decode(int raw) {
        if (has(B_BINARY)) {
            return raw;
        }
        return (raw & 0xF) > 9 || raw >> 4 > 9 ? -1 : (raw >> 4) * 10 + (raw & 0xF);
    }

    private int encode(int value) {
        return has(B_BINARY) ? value : value / 10 << 4 | value % 10;
    }

    private void put(int register, int value) {
        ram[register] = (byte) encode(value);
    }

    private int hour() {
        if (has(B_24H)) {
            return get(HOURS, 0, 23);
        }
        int raw = ram[HOURS] & 0xFF;
        int h = decode(raw & ~PM);
        return h < 0 || h > 12 ? -1 : h % 12 + ((raw & PM) != 0 ? 12 : 0);
    }

    private void hour(int h) {
        if (has(B_24H)) {
            put(HOURS, h);
        } else {
            ram[HOURS] = (byte) (encode((h + 11) % 12 + 1) | (h >= 12 ? PM : 0));
        }
    }

    // ---- counting

    /**
     * Counts a field on.
     *
     * @return true: it began again
     */
    private boolean count(int register, int least, int most) {
        int v = get(register, least, most);
        boolean carry = v < 0 || v == most;
        put(register, carry ? least : v + 1);
        return carry;
    }

    /** One update: a second has passed. */
    void second() {
        if (!count(SECONDS, 0, 59) || !count(MINUTES, 0, 59)) {
            return;
        }
        int h = hour();
        boolean carry = h < 0 || h == 23;
        hour(carry ? 0 : h + 1);
        if (carry) {
            day();
        }
    }

    /** Midnight has passed. */
    void day() {
        count(DAY_OF_WEEK, 1, 7);
        if (count(DAY_OF_MONTH, 1, daysInMonth()) && count(MONTH, 1, 12) && count(YEAR, 0, 99)) {
            count(CENTURY, 0, 99);
        }
    }

    private int daysInMonth() {
        int month = get(MONTH, 1, 12);
        if (month < 0) {
            return 31;
        }
        int year = get(YEAR, 0, 99);
        int century = get(CENTURY, 0, 99);
        boolean leap = year > 0 ? year % 4 == 0 : year == 0 && century % 4 == 0;
        return month == 2 && leap ? 29 : DAYS[month - 1];
    }

    /** Whether the time is that of the alarm. */
    boolean alarm() {
        return alarm(SECONDS_ALARM, SECONDS)
                && alarm(MINUTES_ALARM, MINUTES)
                && alarm(HOURS_ALARM, HOURS);
    }

    private boolean alarm(int wanted, int now) {
        return (ram[wanted] & DONT_CARE) == DONT_CARE || ram[wanted] == ram[now];
    }

    // ---- what firmware does

    /** Sets the time, in register B's format. */
    void set(LocalDateTime t) {
        put(SECONDS, t.getSecond());
        put(MINUTES, t.getMinute());
        hour(t.getHour());
        put(DAY_OF_WEEK, t.getDayOfWeek().getValue() % 7 + 1); // Sunday is 1
        put(DAY_OF_MONTH, t.getDayOfMonth());
        put(MONTH, t.getMonthValue());
        put(YEAR, t.getYear() % 100);
        put(CENTURY, t.getYear() / 100 % 100);
    }

    /** Writes the time that there is in another format. What is no time stays as it is. */
    void format(int registerB) {
        int[] fields = {SECONDS, MINUTES, DAY_OF_WEEK, DAY_OF_MONTH, MONTH, YEAR, CENTURY};
        int[] values = new int[fields.length];
        for (int i = 0; i < fields.length; i++) {
            values[i] = get(fields[i], 0, 99);
        }
        int h = hour();
        ram[REG_B] = (byte) registerB;
        for (int i = 0; i < fields.length; i++) {
            if (values[i] >= 0) {
                put(fields[i], values[i]);
            }
        }
        if (h >= 0) {
            hour(h);
        }
    }
}
