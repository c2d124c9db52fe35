// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.board;

import dev.faultline.api.cpu.GuestBus;

/**
 * The two 8259s as firmware leaves them (Intel 8259A data sheet, "Initialization Command Words";
 * vectors of the IBM PC/AT): initialised, cascaded, interrupts at vectors 08h and 70h, all masked
 * but the cascade. A guest of a boot loader may do no more than unmask one.
 */
public final class LegacyPics {
    private static final int MASTER = 0x20;
    private static final int SLAVE = 0xA0;

    private LegacyPics() {}

    public static void program(GuestBus bus) {
        one(bus, MASTER, 0x08, 1 << 2, 0xFF & ~(1 << 2));
        one(bus, SLAVE, 0x70, 2, 0xFF);
    }

    private static void one(GuestBus bus, int port, int vector, int cascade, int mask) {
        bus.portOut(port, 1, 0x11); // ICW1: edge, cascaded, ICW4 follows
        bus.portOut(port + 1, 1, vector);
        bus.portOut(port + 1, 1, cascade);
        bus.portOut(port + 1, 1, 1); // ICW4: 8086 mode
        bus.portOut(port + 1, 1, mask);
    }
}
