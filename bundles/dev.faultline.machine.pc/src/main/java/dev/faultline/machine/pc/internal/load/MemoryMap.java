// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import java.util.ArrayList;
import java.util.List;

/** What firmware would tell about RAM (ACPI Specification 6.5, "System Address Map Interfaces"). */
record MemoryMap(long base, long size, int type) {
    static final int RAM = 1;
    static final int RESERVED = 2;

    /** End of conventional memory; an EBDA would follow. */
    static final long LOW_END = 0x9_FC00;

    static final long MIB = 1 << 20;

    static List<MemoryMap> of(GuestRam ram) {
        List<MemoryMap> map = new ArrayList<>();
        map.add(new MemoryMap(0, LOW_END, RAM));
        map.add(new MemoryMap(LOW_END, 0xA_0000 - LOW_END, RESERVED));
        map.add(new MemoryMap(AcpiTables.AREA, MIB - AcpiTables.AREA, RESERVED));
        if (ram.lowEnd() > MIB) {
            map.add(new MemoryMap(MIB, ram.lowEnd() - MIB, RAM));
        }
        if (ram.end() > GuestRam.HIGH_GPA) {
            map.add(new MemoryMap(GuestRam.HIGH_GPA, ram.end() - GuestRam.HIGH_GPA, RAM));
        }
        return map;
    }
}
