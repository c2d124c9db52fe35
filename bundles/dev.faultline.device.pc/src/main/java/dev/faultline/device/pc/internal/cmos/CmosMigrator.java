// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.cmos;

import dev.faultline.api.device.StateMigrator;
import dev.faultline.api.device.StateSection;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import org.osgi.service.component.annotations.Component;

/** Version 1 kept the time as a number of seconds; the registers are bytes now. */
@Component
public final class CmosMigrator implements StateMigrator {
    /** The years 1 to 9999, as seconds from 1970. */
    private static final long FIRST = -62_135_596_800L;

    private static final long LAST = 253_402_300_799L;

    @Override
    public String section() {
        return "cmos";
    }

    @Override
    public int from() {
        return 1;
    }

    @Override
    public int to() {
        return 2;
    }

    @Override
    public StateSection migrate(StateSection old) {
        byte[] ram = new byte[128];
        old.getInto("ram", ram);
        long seen = old.getLong("seenNanos", 0, Long.MAX_VALUE) / Cmos.SECOND_NANOS;
        boolean set = (ram[Cmos.REG_B] & Cmos.B_SET) != 0;
        long second =
                set
                        ? old.getLong("frozenSecond", FIRST, LAST)
                        : old.getLong("baseSecond", FIRST, LAST) + seen;
        if (second < FIRST || second > LAST) {
            throw new IllegalArgumentException(
                    "cmos: time " + second + " must lie in the years 1 to 9999");
        }
        new ClockRegisters(ram).set(LocalDateTime.ofEpochSecond(second, 0, ZoneOffset.UTC));
        StateSection s = old.withVersion(2);
        s.remove("baseSecond");
        s.remove("frozenSecond");
        s.put("ram", ram);
        s.put("base", 0L);
        s.put("updates", seen);
        return s;
    }
}
