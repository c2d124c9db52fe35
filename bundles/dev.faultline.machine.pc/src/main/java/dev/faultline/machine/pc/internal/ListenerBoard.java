// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineListener;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/**
 * The whiteboard of machine listeners. Each is called under a lock of its own, so that its calls do
 * not overlap and none is in progress when it was removed. Any thread.
 */
final class ListenerBoard {
    private static final System.Logger LOG = System.getLogger(ListenerBoard.class.getName());

    private final Collection<? extends Machine> machines;
    private final List<Entry> entries = new CopyOnWriteArrayList<>();

    /**
     * @param machines those that are not closed; safe for use by several threads. One that closes
     *     leaves it before {@link #closing}.
     */
    ListenerBoard(Collection<? extends Machine> machines) {
        this.machines = machines;
    }

    /** A listener and the machines it knows. */
    private final class Entry {
        final MachineListener listener;

        /** Guarded by this. */
        private final Set<Machine> known = Collections.newSetFromMap(new IdentityHashMap<>());

        /** Guarded by this. */
        private boolean removed;

        Entry(MachineListener listener) {
            this.listener = listener;
        }

        synchronized void created(Machine m) {
            if (!removed && machines.contains(m) && known.add(m)) {
                call(listener::machineCreated, m);
            }
        }

        synchronized void starting(Machine m) {
            if (!removed && known.contains(m)) {
                call(listener::machineStarting, m);
            }
        }

        synchronized void closing(Machine m) {
            if (!removed && known.remove(m)) {
                call(listener::machineClosing, m);
            }
        }

        synchronized void remove() {
            removed = true;
        }

        private void call(Consumer<Machine> event, Machine m) {
            try {
                event.accept(m);
            } catch (RuntimeException | LinkageError e) {
                LOG.log(
                        System.Logger.Level.ERROR,
                        "machine listener "
                                + listener.getClass().getName()
                                + " failed for machine "
                                + m.config().name(),
                        e);
            }
        }
    }

    void add(MachineListener listener) {
        Entry e = new Entry(listener);
        entries.add(e);
        machines.forEach(e::created);
    }

    void remove(MachineListener listener) {
        for (Entry e : entries) {
            if (e.listener == listener) {
                entries.remove(e);
                e.remove();
            }
        }
    }

    void created(Machine m) {
        entries.forEach(e -> e.created(m));
    }

    void starting(Machine m) {
        entries.forEach(e -> e.starting(m));
    }

    void closing(Machine m) {
        entries.forEach(e -> e.closing(m));
    }
}
