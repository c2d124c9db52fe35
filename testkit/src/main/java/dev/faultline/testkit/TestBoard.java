// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit;

import dev.faultline.api.cpu.GuestClock;
import dev.faultline.api.device.Board;
import dev.faultline.api.device.ChipsetHost;
import dev.faultline.api.device.Device;
import dev.faultline.api.device.DeviceOptions;
import dev.faultline.api.device.DmaPort;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.MmioDevice;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.device.TimerHandle;
import dev.faultline.api.vm.Machine;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongUnaryOperator;

/**
 * A board for the unit tests of devices, with a clock that the test moves: write registers, {@link
 * #advance} time, look at the {@link #line}s. There is no machine and no RAM behind it. One thread.
 */
public final class TestBoard implements Board, GuestClock, ChipsetHost {
    private record PortClaim(PortDevice device, int range, int first, int count) {}

    private record MmioClaim(MmioDevice device, int range, long gpa, long size) {}

    private static final int LAST_IRQ = 23;
    private static final int CASCADE = 2;

    private final List<PortClaim> ports = new ArrayList<>();
    private final List<MmioClaim> mmio = new ArrayList<>();
    private final List<Alarm> alarms = new ArrayList<>();
    private final Map<Integer, Boolean> lines = new TreeMap<>();
    private final DeviceOptions options;
    private long now;

    /** The vCPU that accesses the device. */
    public int vcpu;

    /** What every vCPU adds to the TSC. */
    public long tscOffset;

    /** What devices asked of their machine, in order: resets, power-off, exits, messages. */
    public final List<String> events = new ArrayList<>();

    /** For a device without options. */
    public TestBoard() {
        this(Map.of());
    }

    /** For a device with these options. */
    public TestBoard(Map<String, String> options) {
        this.options = new DeviceOptions("test", options);
    }

    @Override
    public Machine machine() {
        throw new IllegalStateException("a test board has no machine");
    }

    @Override
    public DeviceOptions options() {
        return options;
    }

    /** Whether the device holds the interrupt line high. */
    public boolean line(int irq) {
        return lines.getOrDefault(irq, false);
    }

    private static final class Alarm implements TimerHandle {
        final Runnable action;
        long at;
        boolean armed;

        Alarm(Runnable action) {
            this.action = action;
        }

        @Override
        public void at(long nanos) {
            at = nanos;
            armed = true;
        }

        @Override
        public void cancel() {
            armed = false;
        }
    }

    /** Moves guest time, running what comes due on the way, each at its time. */
    public void advance(long nanos) {
        long end = now + nanos;
        for (; ; ) {
            Alarm next = null;
            for (Alarm a : alarms) {
                if (a.armed && a.at <= end && (next == null || a.at < next.at)) {
                    next = a;
                }
            }
            if (next == null) {
                now = end;
                return;
            }
            now = Math.max(now, next.at);
            next.armed = false;
            next.action.run();
        }
    }

    /** The time, without a reading. */
    public long time() {
        return now;
    }

    /** Runs the alarm that is due the longest, if one is. */
    public void fireOne() {
        alarms.stream()
                .filter(a -> a.armed && a.at <= now)
                .min(java.util.Comparator.comparingLong(a -> a.at))
                .ifPresent(a -> {
                    a.armed = false;
                    a.action.run();
                });
    }

    /** Number of alarms that are armed. */
    public long armed() {
        return alarms.stream().filter(a -> a.armed).count();
    }

    /** Of every alarm, in the order in which devices made them: whether it is armed. */
    public List<Boolean> alarms() {
        return alarms.stream().map(a -> a.armed).toList();
    }

    /** Sets guest time without running what is due. */
    public void set(long nanos) {
        now = nanos;
    }

    /** What devices have: {@code ports 0x500+4} and {@code mmio 0xd0000000+4096}, in order. */
    public List<String> claims() {
        List<String> all = new ArrayList<>();
        ports.forEach(c -> all.add("ports 0x%x+%d".formatted(c.first, c.count)));
        mmio.forEach(c -> all.add("mmio 0x%x+%d".formatted(c.gpa, c.size)));
        return all;
    }

    /** A guest's IN of one byte. */
    public int in(int port) {
        return in(port, 1);
    }

    /** A guest's IN of 1, 2 or 4 bytes. */
    public int in(int port, int size) {
        PortClaim c = find(port);
        return c.device.portRead(c.range, port - c.first, size)
                & (size == 4 ? -1 : (1 << 8 * size) - 1);
    }

    /** A guest's OUT of one byte. */
    public void out(int port, int value) {
        out(port, 1, value);
    }

    /** A guest's OUT of 1, 2 or 4 bytes. */
    public void out(int port, int size, int value) {
        PortClaim c = find(port);
        c.device.portWrite(c.range, port - c.first, size, value);
    }

    private PortClaim find(int port) {
        return ports.stream()
                .filter(c -> port >= c.first && port < c.first + c.count)
                .findFirst()
                .orElseThrow(
                        () -> new AssertionError("nobody at port 0x" + Integer.toHexString(port)));
    }

    /** A guest's load of 4 bytes from device space. */
    public int read32(long gpa) {
        MmioClaim c = at(gpa);
        return (int) c.device.mmioRead(c.range, gpa - c.gpa, 4);
    }

    /** A guest's store of 4 bytes to device space. */
    public void write32(long gpa, int value) {
        MmioClaim c = at(gpa);
        c.device.mmioWrite(c.range, gpa - c.gpa, 4, Integer.toUnsignedLong(value));
    }

    private MmioClaim at(long gpa) {
        return mmio.stream()
                .filter(c -> gpa >= c.gpa && gpa < c.gpa + c.size)
                .findFirst()
                .orElseThrow();
    }

    /** What a device saves. */
    public static <D extends Device & Stateful> StateSection saved(D device) {
        StateSection s = new StateSection(device.id(), device.stateVersion());
        device.save(s);
        return s;
    }

    @Override
    public GuestClock clock() {
        return this;
    }

    /** Readings of the clock so far. */
    public long readings;

    /** After each reading: how long the host stalls before the next thing is done. */
    public LongUnaryOperator stall = reading -> 0;

    @Override
    public long nanos() {
        long t = now;
        now += stall.applyAsLong(readings++);
        return t;
    }

    @Override
    public long tscHz() {
        return 1_000_000_000L;
    }

    @Override
    public long tsc() {
        return nanos();
    }

    @Override
    public void claimPorts(PortDevice device, int range, int first, int count) {
        ports.add(new PortClaim(device, range, first, count));
    }

    @Override
    public void claimMmio(MmioDevice device, int range, long gpa, long size) {
        mmio.add(new MmioClaim(device, range, gpa, size));
    }

    @Override
    public void release(Device device) {
        ports.removeIf(c -> c.device == device);
        mmio.removeIf(c -> c.device == device);
    }

    @Override
    public InterruptLine interrupt(int irq) {
        if (irq < 0 || irq > LAST_IRQ || irq == CASCADE) {
            throw new IllegalArgumentException(
                    "irq " + irq + ": must be 0..23 and not 2, the cascade");
        }
        return asserted -> lines.put(irq, asserted);
    }

    @Override
    public TimerHandle timer(Device owner, Runnable expired) {
        Alarm a = new Alarm(expired);
        alarms.add(a);
        return a;
    }

    @Override
    public DmaPort dma(Device owner, Runnable kick) {
        throw new UnsupportedOperationException("a test board has no RAM");
    }

    @Override
    public void requestReset(String why) {
        events.add("reset " + why);
    }

    @Override
    public void requestPowerOff(String why) {
        events.add("off " + why);
    }

    @Override
    public void requestExit(int code, String why) {
        events.add("exit " + code);
    }

    @Override
    public int currentVcpu() {
        return vcpu;
    }

    @Override
    public void interruptPending(int index) {
        events.add("interrupt " + index);
    }

    @Override
    public void init(int index) {
        events.add("init " + index);
    }

    @Override
    public void startup(int index, int vector) {
        events.add("startup " + index + " " + vector);
    }

    @Override
    public long tscOffset(int index) {
        return tscOffset;
    }
}
