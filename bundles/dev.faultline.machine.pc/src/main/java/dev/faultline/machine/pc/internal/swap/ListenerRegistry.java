// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.swap;

import dev.faultline.api.service.Others;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineListener;
import dev.faultline.machine.pc.internal.service.DeadlineLock;
import dev.faultline.machine.pc.internal.service.Offers;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The whiteboard of machine listeners. Each is called under a lock of its own, so that its calls do
 * not overlap and none is in progress when it was removed (unless by a listener, or if it does not
 * return in time). Any thread.
 */
public final class ListenerRegistry {
    private static final System.Logger LOG = System.getLogger(ListenerRegistry.class.getName());

    private final Collection<? extends Machine> machines;
    private final List<Entry> entries = new CopyOnWriteArrayList<>();
    private final LongSupplier limitNanos;

    /** The listener that this thread is in, or null. */
    private final ThreadLocal<@Nullable Entry> inside = new ThreadLocal<>();

    /**
     * @param machines those that are not closed; safe for use by several threads. One that closes
     *     leaves it before {@link #closing}.
     * @param limitNanos how long anybody waits for a listener that another thread is in
     */
    public ListenerRegistry(Collection<? extends Machine> machines, LongSupplier limitNanos) {
        this.machines = machines;
        this.limitNanos = limitNanos;
    }

    /** A listener and the machines it knows; all guarded by {@link #lock}. */
    private final class Entry {
        final MachineListener listener;
        private final DeadlineLock lock = new DeadlineLock();

        /** What it was not told yet; any thread adds. */
        private final Queue<Runnable> events = new ConcurrentLinkedQueue<>();

        private final Set<Machine> known = Collections.newSetFromMap(new IdentityHashMap<>());
        private boolean removed;

        /** Somebody waited for it in vain; until it returns nobody else does. */
        private volatile boolean overdue;

        volatile int ranking;
        final long id;

        Entry(MachineListener listener, int ranking, long id) {
            this.listener = listener;
            this.ranking = ranking;
            this.id = id;
        }

        void created(Machine m) {
            tell(() -> {
                if (!removed && machines.contains(m) && known.add(m)) {
                    call(listener::machineCreated, m);
                }
            });
        }

        void starting(Machine m) {
            tell(() -> {
                if (!removed && known.contains(m)) {
                    call(listener::machineStarting, m);
                }
            });
        }

        void closing(Machine m) {
            tell(() -> {
                if (!removed && known.remove(m)) {
                    call(listener::machineClosing, m);
                }
            });
        }

        void remove() {
            tell(() -> removed = true);
        }

        /**
         * Tells in order, one at a time, and returns when it is told; but a thread that is inside a
         * listener does not wait for another's, which may be waiting for this one, and nobody waits
         * for one that does not return: then whoever is there tells it.
         */
        private void tell(Runnable event) {
            events.add(event);
            if (!enter()) {
                return;
            }
            do {
                overdue = false;
                try {
                    for (Runnable next = events.poll(); next != null; next = events.poll()) {
                        next.run();
                    }
                } finally {
                    lock.unlock();
                }
            } while (!events.isEmpty() && lock.tryLock());
        }

        private boolean enter() {
            if (inside.get() != null || overdue) {
                return lock.tryLock();
            }
            long limit = limitNanos.getAsLong();
            if (lock.acquire(limit)) {
                return true;
            }
            overdue = true;
            LOG.log(
                    System.Logger.Level.ERROR,
                    "machine listener %s has not returned for %d s: %s; what it was not told yet waits for it"
                            .formatted(
                                    Others.name(listener),
                                    TimeUnit.NANOSECONDS.toSeconds(limit),
                                    lock.holder()));
            // It may have returned between the two, without having seen what it was to be told.
            return lock.tryLock();
        }

        private void call(Consumer<Machine> event, Machine m) {
            Entry outer = inside.get();
            inside.set(this);
            try {
                Others.contained(
                        LOG,
                        "machine listener "
                                + Others.name(listener)
                                + ", told of machine "
                                + m.config().name()
                                + ",",
                        () -> event.accept(m));
            } finally {
                if (outer == null) {
                    inside.remove();
                } else {
                    inside.set(outer);
                }
            }
        }
    }

    /** A listener came, or its properties changed: the one ranked highest is told first. */
    public void put(MachineListener listener, Map<String, ?> properties) {
        Entry entry;
        synchronized (entries) {
            Entry before = of(listener);
            if (before == null) {
                entry = new Entry(listener, Offers.ranking(properties), Offers.id(properties));
                entries.add(entry);
            } else {
                entry = before;
                entry.ranking = Offers.ranking(properties);
            }
            entries.sort(
                    Comparator.comparingInt((Entry e) -> e.ranking)
                            .reversed()
                            .thenComparingLong(e -> e.id));
            if (before != null) {
                return;
            }
        }
        machines.forEach(entry::created);
    }

    private @Nullable Entry of(MachineListener listener) {
        for (Entry e : entries) {
            if (e.listener == listener) {
                return e;
            }
        }
        return null;
    }

    public void remove(MachineListener listener) {
        for (Entry e : entries) {
            if (e.listener == listener) {
                entries.remove(e);
                e.remove();
            }
        }
    }

    public void created(Machine m) {
        entries.forEach(e -> e.created(m));
    }

    public void starting(Machine m) {
        entries.forEach(e -> e.starting(m));
    }

    public void closing(Machine m) {
        entries.forEach(e -> e.closing(m));
    }
}
