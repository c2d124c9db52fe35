// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.state;

import dev.faultline.api.device.StateSection;
import dev.faultline.api.service.Others;
import dev.faultline.api.vm.StateException;
import dev.faultline.api.vm.StateException.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A standing machine's state as sections: clock, vCPUs, devices, and what it keeps for devices that
 * it does not have. Loading needs every required section to find its owner, and every owner its
 * section unless the owner is optional.
 */
public final class MachineState {
    private MachineState() {}

    /**
     * @param gone sections of devices whose bundle is gone and that the machine stands for
     * @param kept sections that nobody here reads: theirs if nobody else has the id
     * @throws IllegalStateException if two have the same id, of which one would be lost
     */
    public static List<StateSection> save(
            List<StateOwner> owners, List<StateSection> gone, List<StateSection> kept) {
        Map<String, StateSection> all = new LinkedHashMap<>();
        owners.forEach(owner -> add(all, owner.save()));
        gone.forEach(s -> add(all, s));
        kept.forEach(s -> all.putIfAbsent(s.id(), s));
        return new ArrayList<>(all.values());
    }

    private static void add(Map<String, StateSection> all, StateSection s) {
        if (all.put(s.id(), s) != null) {
            throw new IllegalStateException(
                    "two devices of the machine have the id " + s.id() + "; it cannot be saved");
        }
    }

    /**
     * Loads each owner's section, in their order.
     *
     * @return sections that nobody here reads and that are optional, to be kept
     */
    public static List<StateSection> load(
            List<StateSection> sections, List<StateOwner> owners, Migrations migrations)
            throws StateException {
        Map<String, StateSection> byId = new LinkedHashMap<>();
        for (StateSection s : sections) {
            if (byId.put(s.id(), s) != null) {
                throw new StateException(Kind.DAMAGED, "saved state has two sections " + s.id());
            }
        }
        requireOwners(byId, owners);
        for (StateOwner owner : owners) {
            StateSection s = take(byId, owner.id(), owner.version(), owner.optional(), migrations);
            if (s != null) {
                apply(s, () -> owner.load(s));
            }
        }
        return List.copyOf(byId.values());
    }

    /** Before anything is changed: every required section has an owner. */
    private static void requireOwners(Map<String, StateSection> byId, List<StateOwner> owners)
            throws StateException {
        List<String> owned = owners.stream().map(StateOwner::id).toList();
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
    private static @Nullable StateSection take(
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
