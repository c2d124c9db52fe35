// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.ioapic;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.MmioDevice;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.device.pc.internal.apic.ApicBus;
import java.util.Arrays;

/** I/O APIC with 24 inputs (Intel 82093AA data sheet, with the EOI register of later versions). */
public final class IoApic implements MmioDevice, Stateful, Resettable {
    public static final int INPUTS = 24;
    public static final long BASE_GPA = 0xFEC0_0000L;

    /** RW: index of the register that IOWIN shows. */
    static final int IOREGSEL = 0x00;

    /** RW: the register. */
    static final int IOWIN = 0x10;

    /** WO: ends the level-triggered interrupts with the vector written. */
    static final int EOIR = 0x40;

    static final int REG_ID = 0;
    static final int REG_VERSION = 1;
    static final int REG_ARBITRATION = 2;
    static final int REG_REDIRECTION = 0x10;
    static final int VERSION_VALUE = INPUTS - 1 << 16 | 0x20;
    static final long LOGICAL = 1L << 11;

    /** RO: the message waits for an APIC that takes it. */
    static final long STATUS = 1L << 12;

    static final long REMOTE_IRR = 1L << 14;
    static final long LEVEL = 1L << 15;
    static final long MASKED = 1L << 16;
    private static final int LOWEST_PRIORITY = 1;
    private static final long WRITABLE = 0xFF00_0000_0001_AFFFL;

    private final Object lock;
    private final ApicBus bus;
    private final long[] redirection = new long[INPUTS];
    private int lines;
    private int select;
    private int id;

    public IoApic(Board board, Object lock, ApicBus bus) {
        this.lock = lock;
        this.bus = bus;
        reset();
        bus.connectEndOfInterrupt(this::endOfInterrupt);
        bus.connectReady(this::offerAgain);
        board.claimMmio(this, 0, BASE_GPA, 0x1000);
    }

    @Override
    public String id() {
        return "ioapic";
    }

    @Override
    public void reset() {
        synchronized (lock) {
            Arrays.fill(redirection, MASKED);
            select = 0;
            id = 0;
        }
    }

    /** Lock held. */
    public void setLine(int input, boolean asserted) {
        int bit = 1 << input;
        boolean was = (lines & bit) != 0;
        lines = asserted ? lines | bit : lines & ~bit;
        if (asserted && (!was || level(redirection[input]))) {
            service(input);
        } else if (!asserted && level(redirection[input])) {
            redirection[input] &= ~STATUS;
        }
    }

    /** Whether an input is level-triggered: messages that are no interrupts by vector never are. */
    private static boolean level(long entry) {
        return (entry & LEVEL) != 0 && (entry >> 8 & 7) <= LOWEST_PRIORITY;
    }

    /**
     * Sends an input's message. One that nobody takes is held (data sheet, "Delivery Status"),
     * until it is masked, its level goes, or an APIC becomes able to take it.
     */
    private void service(int input) {
        long entry = redirection[input];
        boolean level = level(entry);
        if ((entry & MASKED) != 0 || level && (entry & REMOTE_IRR) != 0) {
            redirection[input] &= ~STATUS;
            return;
        }
        boolean taken =
                bus.message(
                        (int) (entry >>> 56),
                        (entry & LOGICAL) != 0,
                        (int) (entry >> 8) & 7,
                        (int) entry & 0xFF,
                        level);
        if (!taken) {
            redirection[input] |= STATUS;
        } else {
            redirection[input] = redirection[input] & ~STATUS | (level ? REMOTE_IRR : 0);
        }
    }

    /** An APIC was enabled, or listens to other destinations. Lock held. */
    private void offerAgain() {
        for (int i = 0; i < INPUTS; i++) {
            if ((redirection[i] & STATUS) != 0) {
                service(i);
            }
        }
    }

    /** An EOI message for a level-triggered vector. Lock held. */
    private void endOfInterrupt(int vector) {
        for (int i = 0; i < INPUTS; i++) {
            long entry = redirection[i];
            if ((entry & (LEVEL | REMOTE_IRR)) == (LEVEL | REMOTE_IRR)
                    && (entry & 0xFF) == vector) {
                redirection[i] &= ~REMOTE_IRR;
                if ((lines & 1 << i) != 0) {
                    service(i);
                }
            }
        }
    }

    @Override
    public long mmioRead(int range, long offset, int size) {
        synchronized (lock) {
            long value = offset == IOREGSEL ? select : offset == IOWIN ? readWindow() : 0;
            return size == 8 ? value : value & (1L << 8 * size) - 1;
        }
    }

    private long readWindow() {
        int entry = select - REG_REDIRECTION >> 1;
        if (select >= REG_REDIRECTION && entry < INPUTS) {
            long value = redirection[entry];
            return (select & 1) == 0 ? value & 0xFFFF_FFFFL : value >>> 32;
        }
        return switch (select) {
            case REG_ID, REG_ARBITRATION -> (long) id << 24;
            case REG_VERSION -> VERSION_VALUE;
            default -> 0;
        };
    }

    @Override
    public void mmioWrite(int range, long offset, int size, long value) {
        synchronized (lock) {
            if (offset == IOREGSEL) {
                select = (int) value & 0xFF;
            } else if (offset == IOWIN && size >= 4) {
                writeWindow(value & 0xFFFF_FFFFL);
            } else if (offset == EOIR) {
                endOfInterrupt((int) value & 0xFF);
            }
        }
    }

    private void writeWindow(long value) {
        int entry = select - REG_REDIRECTION >> 1;
        if (select >= REG_REDIRECTION && entry < INPUTS) {
            long old = redirection[entry];
            long merged =
                    (select & 1) == 0
                            ? old & 0xFFFF_FFFF_0000_0000L | value
                            : old & 0xFFFF_FFFFL | value << 32;
            long now = merged & WRITABLE | old & (REMOTE_IRR | STATUS);
            if (!level(now)) {
                now &= ~REMOTE_IRR;
            }
            redirection[entry] = now;
            if (level(now) ? (lines & 1 << entry) != 0 : (now & STATUS) != 0) {
                service(entry);
            }
        } else if (select == REG_ID) {
            id = (int) (value >> 24) & 0xF;
        }
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public void save(StateSection to) {
        synchronized (lock) {
            to.put("redirection", redirection);
            to.put("lines", lines);
            to.put("select", select);
            to.put("id", id);
        }
    }

    @Override
    public void load(StateSection from) {
        synchronized (lock) {
            from.getInto("redirection", redirection);
            for (long entry : redirection) {
                if ((entry & ~(WRITABLE | REMOTE_IRR | STATUS)) != 0) {
                    throw new IllegalArgumentException(
                            "ioapic: no redirection entry is 0x%x".formatted(entry));
                }
            }
            lines = from.getInt("lines", 0, (1 << INPUTS) - 1);
            select = from.getInt("select", 0, 0xFF);
            id = from.getInt("id", 0, 0xF);
        }
    }
}
