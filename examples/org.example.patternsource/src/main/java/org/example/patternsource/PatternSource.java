// SPDX-License-Identifier: Apache-2.0
package org.example.patternsource;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineListener;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ConfigurationPolicy;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/**
 * Backs a range of every machine by a pattern once an operator has configured it. What the range
 * held before is lost page by page.
 */
@Component(configurationPid = PatternSource.PID, configurationPolicy = ConfigurationPolicy.REQUIRE)
@Designate(ocd = PatternSource.Config.class)
public final class PatternSource implements MachineListener {
    static final String PID = "org.example.patternsource";

    /** What to fill; a change starts anew. */
    @ObjectClassDefinition(
            id = PID,
            name = "Pattern source",
            description = "Fills pages when they are first touched.")
    public @interface Config {
        @AttributeDefinition(name = "Machine", description = "name of the machine; * for all")
        String machine() default "*";

        @AttributeDefinition(
                name = "Start",
                description = "guest-physical address, a multiple of 4096, e.g. 0x2000000")
        String gpa_start();

        @AttributeDefinition(
                name = "Size",
                description = "bytes, a multiple of 4096, e.g. 0x100000")
        String gpa_size();

        @AttributeDefinition(name = "Seed", description = "any number; changes every byte")
        long seed() default 1;
    }

    private final String machine;
    private final long start;
    private final long size;
    private final long seed;
    private final Map<Machine, PatternPages> sources = new ConcurrentHashMap<>();

    /**
     * @throws IllegalArgumentException for a configuration that makes no sense, naming the key
     */
    @Activate
    public PatternSource(Config config) {
        machine = config.machine();
        start = pages("gpa.start", config.gpa_start());
        size = pages("gpa.size", config.gpa_size());
        seed = config.seed();
    }

    private static long pages(String key, String value) {
        String problem =
                PID + ": " + key + "=" + value + ": expected a multiple of 4096 such as 0x100000";
        try {
            long number = Long.decode(value.strip());
            if (number % 4096 == 0) {
                return number;
            }
        } catch (NumberFormatException | NullPointerException e) {
            throw new IllegalArgumentException(problem, e);
        }
        throw new IllegalArgumentException(problem);
    }

    @Override
    public void machineCreated(Machine m) {
        if (machine.equals("*") || machine.equals(m.config().name())) {
            sources.put(m, new PatternPages(m, start, size, seed));
        }
    }

    @Override
    public void machineClosing(Machine m) {
        PatternPages source = sources.remove(m);
        if (source != null) {
            source.close();
        }
    }

    @Deactivate
    void deactivate() {
        sources.values().forEach(PatternPages::close);
        sources.clear();
    }
}
