// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.run;

import dev.faultline.api.cpu.GuestClock;
import dev.faultline.api.device.StateSection;
import dev.faultline.machine.pc.internal.state.StateOwner;
import java.util.function.LongSupplier;

/** Guest time: runs with the host's monotonic clock between {@link #start} and {@link #stop}. */
public final class MachineClock implements GuestClock, StateOwner {
    /** The time-stamp counter counts nanoseconds: invariant, whatever the engine's speed. */
    static final long TSC_HZ = 1_000_000_000L;

    private static final String NANOS = "nanos";

    /** 146 years of guest time; what chips compute from it does not overflow. */
    private static final long MOST_NANOS = 1L << 62;

    private record Epoch(long guestNanos, long hostNanos, boolean running) {}

    private final LongSupplier host;
    private volatile Epoch epoch = new Epoch(0, 0, false);

    /**
     * @param host monotonic nanoseconds
     */
    public MachineClock(LongSupplier host) {
        this.host = host;
    }

    @Override
    public long nanos() {
        Epoch e = epoch;
        return e.running ? e.guestNanos + (host.getAsLong() - e.hostNanos) : e.guestNanos;
    }

    @Override
    public long tscHz() {
        return TSC_HZ;
    }

    @Override
    public long tsc() {
        return nanos();
    }

    boolean running() {
        return epoch.running;
    }

    synchronized void start() {
        if (!epoch.running) {
            epoch = new Epoch(epoch.guestNanos, host.getAsLong(), true);
        }
    }

    synchronized void stop() {
        if (epoch.running) {
            epoch = new Epoch(nanos(), 0, false);
        }
    }

    /** Sets a stopped clock. */
    synchronized void set(long nanos) {
        if (epoch.running) {
            throw new IllegalStateException("guest time cannot be set while it runs");
        }
        epoch = new Epoch(nanos, 0, false);
    }

    @Override
    public String id() {
        return "clock";
    }

    @Override
    public int version() {
        return 1;
    }

    @Override
    public boolean optional() {
        return false;
    }

    @Override
    public StateSection save() {
        StateSection s = new StateSection(id(), version());
        s.put(NANOS, nanos());
        return s;
    }

    @Override
    public void load(StateSection s) {
        set(s.getLong(NANOS, 0, MOST_NANOS));
    }
}
