// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.device.Device;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.service.Others;
import dev.faultline.api.vm.StateException;
import dev.faultline.api.vm.StateException.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A standing machine's state as sections: clock, vCPUs, devices, and what it keeps for devices that
 * it does not have. Loading needs every required section to find its owner, and every owner its
 * section unless the owner is optional.
 */
final class MachineState {
    private static final String CLOCK = "clock";
    private static final int CLOCK_VERSION = 1;

    /** 146 years of guest time; what chips compute from it does not overflow. */
    private static final long MOST_NANOS = 1L << 62;

    private MachineState() {}

    static List<StateSection> save(PcMachine m) {
        Map<String, StateSection> all = new LinkedHashMap<>();
        StateSection time = new StateSection(CLOCK, CLOCK_VERSION);
        time.put("nanos", m.clock().nanos());
        add(all, time);
        for (VcpuRunner r : m.runners()) {
            add(all, r.save());
        }
        for (Device d : m.devices()) {
            if (d instanceof Stateful stateful) {
                add(all, save(d, stateful, m.monitor(d)));
            }
        }
        for (StateSection gone : m.added().kept()) {
            add(all, gone);
        }
        for (StateSection kept : m.keptState()) {
            all.putIfAbsent(kept.id(), kept);
        }
        return new ArrayList<>(all.values());
    }

    /** A device's section. Its vCPUs stand. */
    static StateSection save(Device d, Stateful stateful, Object monitor) {
        try {
            StateSection s =
                    new StateSection(d.id(), stateful.stateVersion(), stateful.stateOptional());
            synchronized (monitor) {
                stateful.save(s);
            }
            return s;
        } catch (Throwable e) { // others' code
            throw new IllegalStateException(
                    "device %s cannot save its state: %s".formatted(Others.name(d), Others.why(e)),
                    e);
        }
    }

    private static void add(Map<String, StateSection> all, StateSection s) {
        if (all.put(s.id(), s) != null) {
            throw new IllegalStateException(
                    "two devices of the machine have the id " + s.id() + "; it cannot be saved");
        }
    }

    /**
     * @return sections that nobody here reads and that are optional, to be kept
     */
    static List<StateSection> load(List<StateSection> sections, PcMachine m) throws StateException {
        Map<String, StateSection> byId = new LinkedHashMap<>();
        for (StateSection s : sections) {
            if (byId.put(s.id(), s) != null) {
                throw new StateException(Kind.DAMAGED, "saved state has two sections " + s.id());
            }
        }
        requireOwners(byId, m);
        Migrations migrations = m.migrations();
        StateSection clock = take(byId, CLOCK, CLOCK_VERSION, false, migrations);
        // The clock first, since timers are relative to it.
        apply(clock, () -> m.loadClock(clock.getLong("nanos", 0, MOST_NANOS)));
        for (VcpuRunner r : m.runners()) {
            StateSection s =
                    take(byId, VcpuState.id(r.v.index), VcpuState.VERSION, false, migrations);
            apply(s, () -> r.load(s));
            m.mmu().flush(r.v);
        }
        for (Device d : m.devices()) {
            if (d instanceof Stateful stateful) {
                StateSection s =
                        take(
                                byId,
                                d.id(),
                                stateful.stateVersion(),
                                stateful.stateOptional(),
                                migrations);
                if (s != null) {
                    apply(
                            s,
                            () -> {
                                synchronized (m.monitor(d)) {
                                    stateful.load(s);
                                }
                            });
                }
            }
        }
        return List.copyOf(byId.values());
    }

    /** Before anything is changed: every required section has an owner. */
    private static void requireOwners(Map<String, StateSection> byId, PcMachine m)
            throws StateException {
        List<String> owned = new ArrayList<>(List.of(CLOCK));
        for (VcpuRunner r : m.runners()) {
            owned.add(VcpuState.id(r.v.index));
        }
        for (Device d : m.devices()) {
            if (d instanceof Stateful) {
                owned.add(d.id());
            }
        }
        List<String> strange =
                byId.values().stream()
                        .filter(s -> !s.optional() && !owned.contains(s.id()))
                        .map(StateSection::id)
                        .toList();
        if (!strange.isEmpty()) {
            throw new StateException(
                    Kind.UNKNOWN,
                    "saved state has sections that this machine does not: %s; install the bundles of the devices that they belong to, and name these devices"
                            .formatted(String.join(", ", strange)));
        }
    }

    /**
     * Lets a section's owner load it: whatever a stranger's device, or one that got past its
     * checks, throws is the section's fault.
     */
    private static void apply(StateSection s, Runnable load) throws StateException {
        try {
            load.run();
        } catch (Throwable e) {
            String what = e instanceof IllegalArgumentException ? e.getMessage() : Others.why(e);
            throw new StateException(
                    Kind.DAMAGED,
                    "saved state's section %s is damaged: %s".formatted(s.id(), what),
                    e);
        }
    }

    /** The section in the version wanted; null if it is missing and may be. */
    private static StateSection take(
            Map<String, StateSection> byId,
            String id,
            int version,
            boolean optional,
            Migrations migrations)
            throws StateException {
        StateSection s = byId.remove(id);
        if (s == null && !optional) {
            throw new StateException(
                    Kind.MISSING, "saved state lacks the section " + id + " of this machine");
        }
        return s == null ? null : migrations.migrate(s, version);
    }
}
