// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.swap;

import dev.faultline.api.device.Device;
import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.device.DeviceOptions;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.service.Others;
import dev.faultline.api.vm.MachineException;
import dev.faultline.machine.pc.internal.board.AskedDevice;
import dev.faultline.machine.pc.internal.board.DeviceBoard;
import dev.faultline.machine.pc.internal.board.PcBoard;
import dev.faultline.machine.pc.internal.run.RunControl;
import dev.faultline.machine.pc.internal.run.Standstill;
import dev.faultline.machine.pc.internal.state.DeviceState;
import dev.faultline.machine.pc.internal.state.Migrations;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The devices that bundles add to a machine. One whose bundle goes is unplugged and its state kept,
 * so that nothing of the bundle is left; when a bundle offers it again, a new one is plugged in and
 * goes on with that state.
 */
public final class AddedDevices {
    private static final System.Logger LOG = System.getLogger(AddedDevices.class.getName());

    private final String machine;
    private final PcBoard board;
    private final RunControl control;
    private final Standstill standstill;
    private final Supplier<Migrations> migrations;

    /** Filled while the machine is built. */
    private final List<Plug> plugs = new CopyOnWriteArrayList<>();

    private final Set<DeviceFactory> offered = ConcurrentHashMap.newKeySet();

    /**
     * What is plugged in.
     *
     * @param board as {@code device} sees it
     */
    private record Made(DeviceFactory by, Device device, DeviceBoard board) {}

    /** One place for a device. */
    private static final class Plug {
        final AskedDevice asked;
        final String name;

        /** Null while its bundle is gone. */
        volatile @Nullable Made made;

        /** State of the device that went, or null if it had none. */
        @Nullable StateSection kept;

        Plug(AskedDevice asked) {
            this.asked = asked;
            name = asked.name();
        }

        boolean isMadeBy(DeviceFactory factory) {
            Made now = made;
            return now != null && now.by == factory;
        }
    }

    /**
     * @param migrations of the state of a device that comes back newer
     */
    public AddedDevices(
            String machine,
            PcBoard board,
            RunControl control,
            Standstill standstill,
            Supplier<Migrations> migrations) {
        this.machine = machine;
        this.board = board;
        this.control = control;
        this.standstill = standstill;
        this.migrations = migrations;
    }

    /**
     * @param asked see {@link AskedDevice}; an optional one is left out, with a warning, if nobody
     *     offers it
     * @throws MachineException if nobody offers it and it is not optional
     */
    public void plug(String asked, MachineServices services) throws MachineException {
        AskedDevice a = AskedDevice.parse(asked);
        boolean optional = a.optional();
        String name = a.name();
        Plug p = new Plug(a);
        try {
            DeviceFactory factory = services.device(name);
            make(p, factory);
            offered.add(factory);
        } catch (MachineException e) {
            if (!optional) {
                throw e;
            }
            LOG.log(
                    System.Logger.Level.WARNING,
                    "machine "
                            + machine
                            + " goes without its device "
                            + name
                            + ": "
                            + e.getMessage());
        }
        plugs.add(p);
    }

    /**
     * Makes a plug's device.
     *
     * @throws MachineException naming the factory's bundle, if it throws or gives none; then
     *     nothing of the device is left on the board
     */
    private Made make(Plug p, DeviceFactory factory) throws MachineException {
        DeviceOptions options = new DeviceOptions(p.name, p.asked.values());
        DeviceBoard view = new DeviceBoard(p.name, board, options);
        Device d = null;
        try {
            d = Others.made(factory.create(view), "device " + p.name, factory);
            options.refuseUnknown();
            Made made = new Made(factory, d, view);
            p.made = made;
            return made;
        } catch (Throwable e) { // others' code
            if (d != null) {
                step("closing device " + p.name, d::close);
            }
            step("the lines of device " + p.name, view::lower);
            view.takeBack();
            throw new MachineException(
                    "device %s cannot be made by %s: %s"
                            .formatted(p.name, Others.name(factory), reason(e)),
                    e);
        }
    }

    /** An argument that makes no sense is explained by its message. */
    private static String reason(Throwable e) {
        return e instanceof IllegalArgumentException i && i.getMessage() != null
                ? i.getMessage()
                : Others.why(e);
    }

    /** What to call a device in front of people, whatever it says itself. */
    public String nameOf(Device device) {
        for (Plug p : plugs) {
            Made made = p.made;
            if (made != null && made.device == device) {
                return p.name + ", " + Others.name(device) + ",";
            }
        }
        try {
            return device.id();
        } catch (Throwable e) { // others' code
            return Others.name(device);
        }
    }

    private void step(String what, Others.Step step) {
        Others.contained(LOG, "machine " + machine + ": " + what, step);
    }

    /**
     * Their names as {@link #plug} takes them: a device whose state is optional is marked, so that
     * a snapshot's machine can be built without it.
     */
    public List<String> names() {
        return plugs.stream()
                .map(p -> {
                    boolean[] may = {p.asked.optional()};
                    Made made = p.made;
                    if (made != null && made.device instanceof Stateful s) {
                        step(
                                "asking whether device " + p.name + " is optional",
                                () -> may[0] |= s.stateOptional());
                    }
                    return p.asked.text(may[0]);
                })
                .toList();
    }

    /** Those that are plugged in. */
    public List<Device> all() {
        List<Device> all = new ArrayList<>();
        for (Plug p : plugs) {
            Made made = p.made;
            if (made != null) {
                all.add(made.device);
            }
        }
        return List.copyOf(all);
    }

    /** The state of devices that went while the machine stands for them. */
    public List<StateSection> kept() {
        List<StateSection> all = new ArrayList<>();
        for (Plug p : plugs) {
            StateSection kept = p.kept;
            if (kept != null) {
                all.add(kept);
            }
        }
        return List.copyOf(all);
    }

    // ---- bundles come and go; on the framework's threads

    /**
     * A factory is about to go: devices it made are unplugged, and the machine stands until {@link
     * #returned}.
     */
    public void gone(DeviceFactory factory) {
        offered.remove(factory);
        List<String> names =
                plugs.stream().filter(p -> p.isMadeBy(factory)).map(p -> p.name).toList();
        if (names.isEmpty()) {
            return;
        }
        names.forEach(name -> control.missing(service(name), () -> service(name)));
        standstill.outside(() -> {
            step("waiting for alarms", () -> standstill.drain("unplug"));
            unplug(factory);
        });
    }

    /** Takes notice of factories that went before anybody could tell this machine of it. */
    public void lookAround(MachineServices services) {
        for (Plug p : plugs) {
            Made made = p.made;
            if (made == null || services.offered(made.by)) {
                continue;
            }
            gone(made.by);
            try {
                returned(p.name, services.device(p.name));
            } catch (MachineException none) {
                // It stands until there is one.
            }
        }
    }

    /** A device is offered: takes the place of one of the same name that went. */
    public void returned(String name, DeviceFactory factory) {
        offered.add(factory);
        if (control.isMissing(service(name))) {
            standstill.outside(() -> plugAgain(name, factory));
        }
    }

    private void plugAgain(String name, DeviceFactory factory) {
        try {
            if (!control.isMissing(service(name)) || !replug(name, factory)) {
                return;
            }
            if (offered.contains(factory)) {
                control.present(service(name));
            } else {
                unplug(factory); // gone again, and not seen by whoever said so
            }
        } catch (Throwable e) { // others' code
            LOG.log(
                    System.Logger.Level.ERROR,
                    "machine "
                            + machine
                            + " stands: device "
                            + name
                            + " cannot be plugged in again: "
                            + e.getMessage(),
                    e);
        }
    }

    /** For tests: whether the device of that name is unplugged. */
    public boolean gone(String name) {
        return plugs.stream().anyMatch(p -> p.name.equals(name) && p.made == null);
    }

    private static String service(String device) {
        return "device " + device;
    }

    /** Takes out what {@code factory} made. */
    private void unplug(DeviceFactory factory) {
        for (Plug p : plugs) {
            Made made = p.made;
            if (made != null && made.by == factory) {
                Device d = made.device;
                p.kept = null;
                if (d instanceof Stateful stateful) {
                    step(
                            "keeping the state of device " + p.name,
                            () -> p.kept = new DeviceState(d, stateful, board.monitor(d)).save());
                }
                pull(p, made);
            }
        }
    }

    /** Takes a plug's device out. Nothing of it stays on the board, whatever it throws. */
    private void pull(Plug p, Made made) {
        Device d = made.device;
        DeviceBoard view = made.board;
        p.made = null;
        String what = "closing device " + p.name + ", " + Others.name(d) + ",";
        if (!Others.contained(LOG, "machine " + machine + ": " + what, d::close)) {
            step("the lines of device " + p.name, view::lower);
        }
        step("releasing device " + p.name, () -> board.release(d));
        step("releasing device " + p.name, view::takeBack);
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
            if (p.made == null && p.name.equals(name)) {
                Made made = make(p, factory);
                try {
                    restore(made.device, p.kept);
                } catch (Throwable e) {
                    pull(p, made);
                    throw e;
                }
                p.kept = null;
                found = true;
            }
        }
        return found;
    }

    private void restore(Device d, @Nullable StateSection kept) throws MachineException {
        if (!(d instanceof Stateful stateful) || kept == null) {
            return;
        }
        StateSection now = migrations.get().migrate(kept, stateful.stateVersion());
        new DeviceState(d, stateful, board.monitor(d)).load(now);
    }

    /** The machine ends; who still holds it shall not hold bundles' classes by it. */
    public void close() {
        offered.clear();
        for (Plug p : plugs.reversed()) {
            Made made = p.made;
            if (made != null) {
                pull(p, made);
            }
        }
    }
}
