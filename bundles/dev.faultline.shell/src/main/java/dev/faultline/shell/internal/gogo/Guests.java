// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.gogo;

import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineFactory;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.service.component.annotations.ReferencePolicyOption;

/**
 * The machines that the shell's commands speak of, by name. Requires no service, so that guests
 * that stand because a service is gone can still be seen.
 */
@Component(service = Guests.class)
public final class Guests {
    /** How long an interrupted command may take to remove what it wrote. */
    private static final long WRITING_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final Map<String, Guest> guests = new ConcurrentSkipListMap<>();

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    volatile @Nullable MachineFactory machines;

    private volatile @Nullable SnapshotService snapshots;

    /** Threads in commands that write files; guarded by itself. */
    private final Set<Thread> writing = new HashSet<>();

    @Reference(
            name = "snapshots",
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY,
            unbind = "unbindSnapshots")
    void bindSnapshots(SnapshotService came) {
        snapshots = came;
    }

    /** Its bundle stops, or the process ends: what writes is interrupted and removes its half. */
    void unbindSnapshots(SnapshotService goes) {
        if (snapshots == goes) {
            snapshots = null;
            endWriting();
        }
    }

    /** A command that writes files: interrupted, and waited for, when the shell ends. */
    <T> T writing(Callable<T> body) throws Exception {
        Thread self = Thread.currentThread();
        synchronized (writing) {
            writing.add(self);
        }
        try {
            return body.call();
        } finally {
            synchronized (writing) {
                writing.remove(self);
                writing.notifyAll();
            }
        }
    }

    private void endWriting() {
        long end = System.nanoTime() + WRITING_NANOS;
        synchronized (writing) {
            writing.forEach(Thread::interrupt);
            try {
                for (long left = WRITING_NANOS;
                        !writing.isEmpty() && left > 0;
                        left = end - System.nanoTime()) {
                    TimeUnit.NANOSECONDS.timedWait(writing, left);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /**
     * @throws MachineException if something that machines are built from is gone
     */
    MachineFactory machines() throws MachineException {
        MachineFactory now = machines;
        if (now == null) {
            throw new MachineException(
                    "no machine can be built: a required service (memory, protection, mmu, chipset) is gone");
        }
        return now;
    }

    SnapshotService snapshots() throws MachineException {
        SnapshotService now = snapshots;
        if (now == null) {
            throw new MachineException(
                    "no snapshots: their bundle (dev.faultline.snapshot) is stopped");
        }
        return now;
    }

    /** A name that no guest has: {@code wanted}, or {@code wanted-2} ... */
    synchronized String free(String wanted) {
        adopt();
        String name = wanted;
        for (int n = 2; guests.containsKey(name); n++) {
            name = wanted + "-" + n;
        }
        return name;
    }

    /** What builds a machine. */
    interface Maker {
        Machine make(MachineFactory machines) throws MachineException;
    }

    /** Builds a machine; its guest's name is that of the configuration. */
    Guest create(MachineConfig config) throws MachineException {
        return create(config.name(), m -> m.create(config));
    }

    /** Builds a machine of that name by {@code maker}. */
    synchronized Guest create(String name, Maker maker) throws MachineException {
        if (guests.containsKey(name)) {
            throw new MachineException("there is a machine " + name + " already");
        }
        Guest g = new Guest(name, maker.make(machines()), true);
        guests.put(g.name(), g);
        return g;
    }

    /** All guests, those that other bundles made too. */
    synchronized List<Guest> all() {
        adopt();
        return List.copyOf(guests.values());
    }

    /** Machines of other bundles come and go without our being told. */
    private void adopt() {
        MachineFactory now = machines;
        if (now == null) {
            return;
        }
        List<Machine> there = now.machines();
        List<Machine> known = new ArrayList<>();
        for (Guest g : List.copyOf(guests.values())) {
            if (there.contains(g.machine())) {
                known.add(g.machine());
            } else {
                guests.remove(g.name());
                g.close();
            }
        }
        for (Machine m : there) {
            if (!known.contains(m)) {
                String name = m.config().name();
                for (int n = 2; guests.containsKey(name); n++) {
                    name = m.config().name() + "-" + n;
                }
                guests.put(name, new Guest(name, m, false));
            }
        }
    }

    /**
     * @throws MachineException if there is no guest of that name; the message lists those there are
     */
    synchronized Guest get(String name) throws MachineException {
        adopt();
        Guest g = guests.get(name);
        if (g == null) {
            throw new MachineException(
                    "unknown machine "
                            + name
                            + "; "
                            + (guests.isEmpty()
                                    ? "there is none"
                                    : "there is " + String.join(", ", guests.keySet())));
        }
        return g;
    }

    synchronized void remove(Guest guest) {
        guests.remove(guest.name());
        guest.close();
    }

    @Deactivate
    void deactivate() {
        endWriting();
        closeAll();
    }

    private synchronized void closeAll() {
        guests.values().forEach(Guest::close);
        guests.clear();
    }
}
