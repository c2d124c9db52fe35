// SPDX-License-Identifier: Apache-2.0
package org.example.dirtytracker;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineListener;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/**
 * Tracks the machines there are, and answers the shell: {@code dirty:count}, {@code dirty:reset
 * MACHINE}.
 */
@Component(
        service = {MachineListener.class, DirtyTracker.class},
        configurationPid = DirtyTracker.PID,
        property = {
            "osgi.command.scope=dirty",
            "osgi.command.function=count",
            "osgi.command.function=reset"
        })
@Designate(ocd = DirtyTracker.Config.class)
public final class DirtyTracker implements MachineListener {
    static final String PID = "org.example.dirtytracker";

    /** Whom to track; a change starts anew. */
    @ObjectClassDefinition(
            id = PID,
            name = "Dirty tracker",
            description = "Tells which pages were written.")
    public @interface Config {
        @AttributeDefinition(name = "Machine", description = "name of the machine; * for all")
        String machine() default "*";
    }

    private final String machine;

    /** Guarded by this: a layer can be seen before its entry is made. */
    private final Map<Machine, DirtyPages> tracked = new HashMap<>();

    @Activate
    public DirtyTracker(Config config) {
        machine = config.machine();
    }

    @Override
    public synchronized void machineCreated(Machine m) {
        if (machine.equals("*") || machine.equals(m.config().name())) {
            tracked.put(m, new DirtyPages(m));
        }
    }

    @Override
    public synchronized void machineClosing(Machine m) {
        DirtyPages pages = tracked.remove(m);
        if (pages != null) {
            pages.close();
        }
    }

    @Deactivate
    synchronized void deactivate() {
        tracked.values().forEach(DirtyPages::close);
        tracked.clear();
    }

    /** Pages written since the last reset, by machine. */
    public synchronized Map<String, Long> count() {
        Map<String, Long> counts = new TreeMap<>();
        tracked.forEach((m, pages) -> counts.put(m.config().name(), pages.count()));
        return counts;
    }

    /**
     * The written pages of a machine (gfns, ascending); forgets them, so that the next write to
     * each is noticed again.
     *
     * @throws IllegalArgumentException if no machine of that name is tracked; the message lists
     *     those that are
     */
    public synchronized long[] reset(String name) {
        for (Map.Entry<Machine, DirtyPages> e : tracked.entrySet()) {
            if (e.getKey().config().name().equals(name)) {
                return e.getValue().take();
            }
        }
        throw new IllegalArgumentException(
                "machine " + name + " is not tracked; there is " + count().keySet());
    }
}
