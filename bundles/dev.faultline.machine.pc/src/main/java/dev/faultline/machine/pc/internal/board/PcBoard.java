// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.board;

import dev.faultline.api.cpu.GuestBus;
import dev.faultline.api.cpu.GuestClock;
import dev.faultline.api.device.Board;
import dev.faultline.api.device.Device;
import dev.faultline.api.device.DeviceOptions;
import dev.faultline.api.device.DmaPort;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.MmioDevice;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.TimerHandle;
import dev.faultline.api.vm.Machine;
import dev.faultline.machine.pc.internal.run.MachineClock;
import dev.faultline.machine.pc.internal.run.TimerQueue;
import java.util.Arrays;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Finds the device behind a port or a device-space address. Looking up takes no lock and allocates
 * nothing; each device is called under a lock of its own.
 */
public final class PcBoard implements Board, GuestBus {
    /** What devices ask of their machine. Never blocks. */
    public interface Requests {
        void reset(String why);

        void powerOff(String why);

        void exit(int code, String why);

        Machine machine();

        /** A device threw: our bug or its author's, never the guest's. */
        void deviceFailed(Device device, Throwable thrown);
    }

    private static final int PORTS = 0x1_0000;
    private static final Claim[] NO_CLAIMS = {};
    private static final Row NO_PORTS = new Row();

    /** Devices' claim: immutable, so that it may be published by a plain store. */
    private record Claim(Device device, Object monitor, int range, long first, long size) {
        long end() {
            return first + size;
        }
    }

    /** Claims of ports with the same upper byte, by the lower; null: nobody's. */
    private static final class Row {
        final @Nullable Claim[] claims = new Claim[256];
    }

    private final MachineClock clock;
    private final TimerQueue timers;
    private final Requests requests;
    private final LongPredicate isRam;

    /** By the port's upper byte. Most rows are the one that is empty. */
    private final Row[] ports = new Row[PORTS >> 8];

    private volatile Claim[] mmio = NO_CLAIMS;

    /** Guarded by this. */
    private final Map<Device, Object> monitors = new IdentityHashMap<>();

    private volatile IntFunction<InterruptLine> lines =
            irq -> {
                throw new IllegalStateException("interrupt lines are not wired yet");
            };

    /** Null until the board is connected. */
    private volatile @Nullable DmaPorts dma;

    /**
     * @param isRam whether a gpa lies in RAM or ROM
     */
    public PcBoard(MachineClock clock, TimerQueue timers, Requests requests, LongPredicate isRam) {
        this.clock = clock;
        this.timers = timers;
        this.requests = requests;
        this.isRam = isRam;
        Arrays.fill(ports, NO_PORTS);
    }

    /** The claim of a port of 16 bits, or null. */
    private @Nullable Claim claim(int port) {
        return ports[port >> 8].claims[port & 0xFF];
    }

    /** With this object's lock held. */
    private void claim(int port, @Nullable Claim c) {
        Row row = ports[port >> 8];
        if (row == NO_PORTS) {
            if (c == null) {
                return;
            }
            row = new Row(); // its field is final: who sees the row sees it cleared
            ports[port >> 8] = row;
        }
        row.claims[port & 0xFF] = c;
    }

    /** Wires what is made after the board. */
    public void connect(IntFunction<InterruptLine> interruptLines, DmaPorts dmaPorts) {
        lines = interruptLines;
        dma = dmaPorts;
    }

    public synchronized Object monitor(Device device) {
        return monitors.computeIfAbsent(device, d -> new Object());
    }

    // ---- what devices call

    @Override
    public Machine machine() {
        return requests.machine();
    }

    /** Chips have none; devices of other bundles see their own, see {@link DeviceBoard}. */
    @Override
    public DeviceOptions options() {
        return new DeviceOptions("chip", Map.of());
    }

    @Override
    public GuestClock clock() {
        return clock;
    }

    @Override
    public synchronized void claimPorts(PortDevice device, int range, int first, int count) {
        if (first < 0 || count < 1 || first + count > PORTS) {
            throw new IllegalArgumentException(
                    "%s: ports 0x%x, %d of them: must lie in 0..0xffff"
                            .formatted(device.id(), first, count));
        }
        for (int p = first; p < first + count; p++) {
            Claim taken = claim(p);
            if (taken != null) {
                throw new IllegalArgumentException(
                        "%s: port 0x%x is taken by %s"
                                .formatted(device.id(), p, taken.device.id()));
            }
        }
        Claim c = new Claim(device, monitor(device), range, first, count);
        for (int p = first; p < first + count; p++) {
            claim(p, c);
        }
    }

    @Override
    public synchronized void claimMmio(MmioDevice device, int range, long gpa, long size) {
        if (size <= 0 || gpa < 0 || gpa + size < 0 || ((gpa | size) & 7) != 0) {
            throw new IllegalArgumentException(
                    "%s: device space 0x%x, 0x%x bytes: must be multiples of 8 and not wrap"
                            .formatted(device.id(), gpa, size));
        }
        for (Claim c : mmio) {
            if (gpa < c.end() && c.first < gpa + size) {
                throw new IllegalArgumentException(
                        "%s: device space 0x%x is taken by %s"
                                .formatted(device.id(), gpa, c.device.id()));
            }
        }
        if (isRam.test(gpa) || isRam.test(gpa + size - 1)) {
            throw new IllegalArgumentException(
                    "%s: device space 0x%x is taken by RAM".formatted(device.id(), gpa));
        }
        Claim[] now = Arrays.copyOf(mmio, mmio.length + 1);
        now[mmio.length] = new Claim(device, monitor(device), range, gpa, size);
        Arrays.sort(now, Comparator.comparingLong(Claim::first));
        mmio = now;
    }

    @Override
    public synchronized void release(Device device) {
        for (int p = 0; p < PORTS; p++) {
            Claim c = claim(p);
            if (c != null && c.device == device) {
                claim(p, null);
            }
        }
        mmio = Arrays.stream(mmio).filter(c -> c.device != device).toArray(Claim[]::new);
        timers.release(device);
        DmaPorts connected = dma;
        if (connected != null) {
            connected.release(device);
        }
        monitors.remove(device);
    }

    @Override
    public InterruptLine interrupt(int irq) {
        return lines.apply(irq);
    }

    @Override
    public TimerHandle timer(Device owner, Runnable expired) {
        return timers.alarm(owner, monitor(owner), expired);
    }

    @Override
    public DmaPort dma(Device owner, Runnable kick) {
        DmaPorts connected = dma;
        if (connected == null) {
            throw new IllegalStateException("access to RAM is not wired yet");
        }
        return connected.open(owner, monitor(owner), kick);
    }

    @Override
    public void requestReset(String why) {
        requests.reset(why);
    }

    @Override
    public void requestPowerOff(String why) {
        requests.powerOff(why);
    }

    @Override
    public void requestExit(int code, String why) {
        requests.exit(code, why);
    }

    // ---- what engines call

    @Override
    public int portIn(int port, int size) {
        Claim c = claim(port & 0xFFFF);
        if (size == 1 || c != null && port + size <= c.end()) {
            return portIn(c, port & 0xFFFF, size);
        }
        int value = 0;
        for (int i = 0; i < size; i++) {
            int p = port + i & 0xFFFF;
            value |= portIn(claim(p), p, 1) << 8 * i;
        }
        return value;
    }

    private int portIn(@Nullable Claim c, int port, int size) {
        int mask = size == 4 ? -1 : (1 << 8 * size) - 1;
        if (c == null) {
            return mask;
        }
        try {
            synchronized (c.monitor) {
                return ((PortDevice) c.device).portRead(c.range, (int) (port - c.first), size)
                        & mask;
            }
        } catch (Throwable thrown) {
            requests.deviceFailed(c.device, thrown);
            return mask;
        }
    }

    @Override
    public void portOut(int port, int size, int value) {
        Claim c = claim(port & 0xFFFF);
        if (size == 1 || c != null && port + size <= c.end()) {
            portOut(c, port & 0xFFFF, size, value);
            return;
        }
        for (int i = 0; i < size; i++) {
            int p = port + i & 0xFFFF;
            portOut(claim(p), p, 1, value >>> 8 * i & 0xFF);
        }
    }

    private void portOut(@Nullable Claim c, int port, int size, int value) {
        if (c == null) {
            return;
        }
        try {
            synchronized (c.monitor) {
                ((PortDevice) c.device).portWrite(c.range, (int) (port - c.first), size, value);
            }
        } catch (Throwable thrown) {
            requests.deviceFailed(c.device, thrown);
        }
    }

    private @Nullable Claim find(long gpa) {
        Claim[] all = mmio;
        int low = 0;
        int high = all.length - 1;
        while (low <= high) {
            int mid = low + high >>> 1;
            Claim c = all[mid];
            if (gpa < c.first) {
                high = mid - 1;
            } else if (gpa >= c.end()) {
                low = mid + 1;
            } else {
                return c;
            }
        }
        return null;
    }

    @Override
    public long mmioRead(long gpa, int size) {
        Claim c = find(gpa);
        long mask = size == 8 ? -1L : (1L << 8 * size) - 1;
        if (c == null) {
            return mask;
        }
        try {
            synchronized (c.monitor) {
                return ((MmioDevice) c.device).mmioRead(c.range, gpa - c.first, size) & mask;
            }
        } catch (Throwable thrown) {
            requests.deviceFailed(c.device, thrown);
            return mask;
        }
    }

    @Override
    public void mmioWrite(long gpa, int size, long value) {
        Claim c = find(gpa);
        if (c == null) {
            return;
        }
        try {
            synchronized (c.monitor) {
                ((MmioDevice) c.device).mmioWrite(c.range, gpa - c.first, size, value);
            }
        } catch (Throwable thrown) {
            requests.deviceFailed(c.device, thrown);
        }
    }
}
