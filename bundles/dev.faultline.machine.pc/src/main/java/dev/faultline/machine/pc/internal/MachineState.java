// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.device.Device;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.vm.MachineException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A standing machine's state as sections: clock, vCPUs, devices. Loading needs every section to
 * find its owner, and every owner its section.
 */
final class MachineState {
    private static final String CLOCK = "clock";
    private static final int CLOCK_VERSION = 1;

    private MachineState() {}

    static List<StateSection> save(PcMachine m) {
        List<StateSection> all = new ArrayList<>();
        StateSection time = new StateSection(CLOCK, CLOCK_VERSION);
        time.put("nanos", m.clock().nanos());
        all.add(time);
        for (VcpuRunner r : m.runners()) {
            StateSection s = VcpuState.save(r.v);
            s.put("waitsForSipi", r.waitsForSipi);
            all.add(s);
        }
        for (Device d : m.devices()) {
            if (d instanceof Stateful stateful) {
                StateSection s = new StateSection(d.id(), stateful.stateVersion());
                synchronized (m.monitor(d)) {
                    stateful.save(s);
                }
                all.add(s);
            }
        }
        return all;
    }

    static void load(List<StateSection> sections, PcMachine m) throws MachineException {
        Map<String, StateSection> byId = new HashMap<>();
        for (StateSection s : sections) {
            if (byId.put(s.id(), s) != null) {
                throw new MachineException("saved state has two sections " + s.id());
            }
        }
        try {
            m.loadClock(take(byId, CLOCK, CLOCK_VERSION));
            for (VcpuRunner r : m.runners()) {
                StateSection s = take(byId, VcpuState.id(r.v.index), VcpuState.VERSION);
                VcpuState.load(s, r.v);
                r.waitsForSipi = s.getBoolean("waitsForSipi");
                r.forget();
                m.mmu().flush(r.v);
            }
            for (Device d : m.devices()) {
                if (d instanceof Stateful stateful) {
                    StateSection s = take(byId, d.id(), stateful.stateVersion());
                    synchronized (m.monitor(d)) {
                        stateful.load(s);
                    }
                }
            }
        } catch (IllegalArgumentException e) {
            throw new MachineException("saved state is damaged: " + e.getMessage(), e);
        }
        if (!byId.isEmpty()) {
            throw new MachineException(
                    "saved state has sections that this machine does not: "
                            + String.join(", ", byId.keySet()));
        }
    }

    private static StateSection take(Map<String, StateSection> byId, String id, int version)
            throws MachineException {
        StateSection s = byId.remove(id);
        if (s == null) {
            throw new MachineException("saved state lacks the section " + id + " of this machine");
        }
        if (s.version() != version) {
            throw new MachineException(
                    "saved state's section %s has version %d, this machine reads %d"
                            .formatted(id, s.version(), version));
        }
        return s;
    }
}
