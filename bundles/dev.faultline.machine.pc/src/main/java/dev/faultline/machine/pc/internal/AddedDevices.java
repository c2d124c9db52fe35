// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.device.Device;
import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.vm.MachineException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The devices that bundles add to a machine. One whose bundle goes is unplugged and its state kept,
 * so that nothing of the bundle is left; when a bundle offers it again, a new one is plugged in and
 * goes on with that state.
 */
final class AddedDevices {
    private static final System.Logger LOG = System.getLogger(AddedDevices.class.getName());

    private final String machine;
    private final PcBoard board;
    private final RunControl control;
    private final TimerQueue timers;
    private final ReentrantLock changes;

    /** Filled while the machine is built. */
    private final List<Plug> plugs = new ArrayList<>();

    /**
     * One place for a device; {@code device} and {@code factory} are null while its bundle is gone.
     */
    private static final class Plug {
        final String name;
        DeviceFactory factory;
        Device device;

        /** State of the device that went, or null if it had none. */
        StateSection kept;

        Plug(String name) {
            this.name = name;
        }
    }

    /**
     * @param changes the machine's lock, held while devices come and go
     */
    AddedDevices(
            String machine,
            PcBoard board,
            RunControl control,
            TimerQueue timers,
            ReentrantLock changes) {
        this.machine = machine;
        this.board = board;
        this.control = control;
        this.timers = timers;
        this.changes = changes;
    }

    void plug(String name, DeviceFactory factory) {
        Plug p = new Plug(name);
        p.device = factory.create(board);
        p.factory = factory;
        plugs.add(p);
    }

    /** Those that are plugged in. @throws IllegalStateException while one is missing */
    List<Device> all() {
        List<Device> devices = new ArrayList<>();
        for (Plug p : plugs) {
            if (p.device == null) {
                throw new IllegalStateException(
                        "device " + p.name + " of machine " + machine + " is gone");
            }
            devices.add(p.device);
        }
        return devices;
    }

    // ---- bundles come and go; on the framework's threads
    // -----------------------------------------------------------------

    /**
     * A factory is about to go: devices it made are unplugged, and the machine stands until {@link
     * #returned}.
     */
    void gone(DeviceFactory factory) {
        List<String> names;
        changes.lock();
        try {
            names = plugs.stream().filter(p -> p.factory == factory).map(p -> p.name).toList();
        } finally {
            changes.unlock();
        }
        // Waits for the vCPUs, one of which may be waiting for the lock.
        names.forEach(name ->
                control.missing(service(name), "required service device " + name + " is gone"));
        changes.lock();
        try {
            timers.drain();
            unplug(factory);
        } finally {
            changes.unlock();
        }
    }

    /** A device is offered: takes the place of one of the same name that went. */
    void returned(String name, DeviceFactory factory) {
        changes.lock();
        try {
            if (control.isMissing(service(name)) && replug(name, factory)) {
                control.present(service(name));
            }
        } catch (MachineException | RuntimeException e) {
            LOG.log(
                    System.Logger.Level.ERROR,
                    "machine "
                            + machine
                            + " stands: device "
                            + name
                            + " cannot be plugged in again: "
                            + e.getMessage(),
                    e);
        } finally {
            changes.unlock();
        }
    }

    private static String service(String device) {
        return "device " + device;
    }

    /** Takes out what {@code factory} made. */
    private void unplug(DeviceFactory factory) {
        for (Plug p : plugs) {
            if (p.factory == factory) {
                Device d = p.device;
                p.kept = null;
                p.device = null;
                p.factory = null;
                try {
                    if (d instanceof Stateful stateful) {
                        StateSection s = new StateSection(d.id(), stateful.stateVersion());
                        synchronized (board.monitor(d)) {
                            stateful.save(s);
                        }
                        p.kept = s;
                    }
                } finally {
                    pull(d);
                }
            }
        }
    }

    private void pull(Device d) {
        try {
            d.close();
        } finally {
            board.release(d);
        }
    }

    /**
     * Plugs a device in where one of that name is missing.
     *
     * @return whether one was missing
     * @throws MachineException if the new one does not take the old one's state
     */
    private boolean replug(String name, DeviceFactory factory) throws MachineException {
        boolean found = false;
        for (Plug p : plugs) {
            if (p.device == null && p.name.equals(name)) {
                Device d = factory.create(board);
                try {
                    restore(d, p.kept);
                } catch (MachineException | RuntimeException e) {
                    pull(d);
                    throw e;
                }
                p.device = d;
                p.factory = factory;
                p.kept = null;
                found = true;
            }
        }
        return found;
    }

    private void restore(Device d, StateSection kept) throws MachineException {
        if (!(d instanceof Stateful stateful) || kept == null) {
            return;
        }
        if (stateful.stateVersion() != kept.version()) {
            throw new MachineException(
                    "its state has version %d, the new one reads %d"
                            .formatted(kept.version(), stateful.stateVersion()));
        }
        synchronized (board.monitor(d)) {
            stateful.load(kept);
        }
    }

    /** The machine ends; who still holds it shall not hold bundles' classes by it. */
    void close() {
        for (Plug p : plugs.reversed()) {
            Device d = p.device;
            p.device = null;
            p.factory = null;
            if (d != null) {
                pull(d);
            }
        }
    }
}
