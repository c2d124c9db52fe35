// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.device.Device;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.vm.MachineException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Puts saved sections back into a machine; every section must find its owner and every owner its section. */
final class StateLoader {
    private StateLoader() {}

    static void load(List<StateSection> sections, PcMachine m) throws MachineException {
        Map<String, StateSection> byId = new HashMap<>();
        for (StateSection s : sections) {
            if (byId.put(s.id(), s) != null) {
                throw new MachineException("saved state has two sections " + s.id());
            }
        }
        try {
            m.loadClock(take(byId, "clock", 1));
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
                    "saved state has sections that this machine does not: " + String.join(", ", byId.keySet()));
        }
    }

    private static StateSection take(Map<String, StateSection> byId, String id, int version) throws MachineException {
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
