// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import dev.faultline.api.cpu.GuestClock;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.snapshot.RestoreOptions;
import java.time.Duration;
import java.util.Arrays;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * First touches in their order, in a bounded window. Any thread. Allocates only to grow.
 *
 * <p>An entry is a page number and, in the two topmost bits, its first access: 0 R, 1 W, 2 X.
 */
public final class Recording {
    private static final int KIND_SHIFT = 30;

    private final RestoreOptions.Window window;
    private final @Nullable GuestClock clock; // null: the window has no time
    private final long begin;
    private final long nanos;
    private int[] order;
    private int n;
    private boolean ended;

    /**
     * @param clock asked for if the window has a time
     */
    public Recording(RestoreOptions.Window window, Supplier<GuestClock> clock) {
        Duration time = window.guestTime();
        GuestClock limiting = time == null ? null : clock.get();
        this.window = window;
        this.clock = limiting;
        this.begin = limiting == null ? 0 : limiting.nanos();
        this.nanos = time == null ? 0 : time.toNanos();
        this.order = new int[Math.min(1024, window.pages())];
    }

    /**
     * Notes the first touch of a page.
     *
     * @param access one of {@link Rights}' bits
     * @return false if the window had ended, or ends with this touch
     */
    public synchronized boolean add(int page, int access) {
        if (ended) {
            return false;
        }
        if (clock != null && clock.nanos() - begin > nanos) {
            ended = true;
            return false;
        }
        if (n == order.length) {
            order = Arrays.copyOf(order, (int) Math.min(2L * n, window.pages()));
        }
        int kind = access == Rights.R ? 0 : access == Rights.W ? 1 : 2;
        order[n++] = page | kind << KIND_SHIFT;
        ended = n == window.pages();
        return !ended;
    }

    public synchronized int size() {
        return n;
    }

    public synchronized void end() {
        ended = true;
    }

    /** What it has, entries as the class says. */
    public synchronized int[] entries() {
        return Arrays.copyOf(order, n);
    }

    static int page(int entry) {
        return entry & (1 << KIND_SHIFT) - 1;
    }

    static int access(int entry) {
        return Rights.R << (entry >>> KIND_SHIFT);
    }
}
