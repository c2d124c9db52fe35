// SPDX-License-Identifier: Apache-2.0
package org.example.watchpoint;

import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineListener;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ConfigurationPolicy;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/**
 * Puts a {@link Watch} on every machine once an operator has configured a range. Takes all of them
 * away when it goes.
 */
@Component(
        configurationPid = WatchpointListener.PID,
        configurationPolicy = ConfigurationPolicy.REQUIRE)
@Designate(ocd = WatchpointListener.Config.class)
public final class WatchpointListener implements MachineListener {
    static final String PID = "org.example.watchpoint";

    /** What to watch; a change starts anew. */
    @ObjectClassDefinition(
            id = PID,
            name = "Watchpoint",
            description = "Logs accesses to a range of guest memory and draws a heat map.")
    public @interface Config {
        @AttributeDefinition(name = "Machine", description = "name of the machine; * for all")
        String machine() default "*";

        @AttributeDefinition(name = "Start", description = "guest-physical address, e.g. 0x200000")
        String gpa_start();

        @AttributeDefinition(name = "Size", description = "bytes, e.g. 0x1000; at most 4 GiB")
        String gpa_size() default "0x1000";

        @AttributeDefinition(name = "Access", description = "any of the letters r, w and x")
        String access() default "rw";

        @AttributeDefinition(
                name = "Heat map",
                description =
                        "file to write twice a second: a picture if it ends in .png, else a table")
        String heat_map();

        @AttributeDefinition(
                name = "Log",
                description = "file with a line for each access; empty for none")
        String log() default "";

        @AttributeDefinition(name = "Log limit", description = "lines")
        long log_limit() default 10_000;
    }

    private static final System.Logger LOG = System.getLogger(WatchpointListener.class.getName());
    private static final long WRITE_MILLIS = 500;

    private final String machine;
    private final long start;
    private final long size;
    private final int access;
    private final Path heatMap;
    private final AccessLog log;
    private final Map<Machine, Watch> watches = new ConcurrentHashMap<>();
    private final ScheduledExecutorService timer;

    /**
     * @throws IllegalArgumentException for a configuration that makes no sense, naming the key
     */
    @Activate
    public WatchpointListener(Config config) throws IOException {
        machine = config.machine();
        start = number("gpa.start", config.gpa_start());
        size = number("gpa.size", config.gpa_size());
        if (size < 1 || size > HeatMap.MAX_PAGES << 12) {
            throw bad("gpa.size", config.gpa_size(), "1 byte to 4 GiB");
        }
        access = rights(config.access());
        if (config.heat_map() == null || config.heat_map().isBlank()) {
            throw bad("heat.map", config.heat_map(), "the name of a file");
        }
        heatMap = Path.of(config.heat_map());
        log =
                new AccessLog(
                        config.log().isBlank() ? null : Path.of(config.log()), config.log_limit());
        timer =
                Executors.newSingleThreadScheduledExecutor(
                        Thread.ofPlatform().daemon().name("watchpoint").factory());
        ScheduledFuture<?> _ =
                timer.scheduleWithFixedDelay(
                        this::write, WRITE_MILLIS, WRITE_MILLIS, TimeUnit.MILLISECONDS);
    }

    static int rights(String letters) {
        int rights = 0;
        for (char c : letters.toCharArray()) {
            rights |=
                    switch (c) {
                        case 'r' -> Rights.R;
                        case 'w' -> Rights.W;
                        case 'x' -> Rights.X;
                        default -> throw bad("access", letters, "letters r, w and x");
                    };
        }
        if (rights == 0) {
            throw bad("access", letters, "at least one of the letters r, w and x");
        }
        return rights;
    }

    private static long number(String key, String value) {
        try {
            return Long.decode(value.strip());
        } catch (NumberFormatException | NullPointerException e) {
            throw bad(key, value, "a number such as 0x200000");
        }
    }

    private static IllegalArgumentException bad(String key, String value, String expected) {
        return new IllegalArgumentException(
                PID + ": " + key + "=" + value + ": expected " + expected);
    }

    @Override
    public void machineCreated(Machine m) {
        if (machine.equals("*") || machine.equals(m.config().name())) {
            watches.put(m, new Watch(m, start, size, access, log));
        }
    }

    @Override
    public void machineClosing(Machine m) {
        write();
        Watch w = watches.remove(m);
        if (w != null) {
            w.close();
        }
    }

    /**
     * Several machines share one map's file: the last one wins; name the machine to watch one of
     * many.
     */
    private synchronized void write() {
        try {
            for (Watch w : watches.values()) {
                w.map().write(heatMap);
            }
            log.flush();
        } catch (IOException e) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "watchpoint: " + heatMap + " cannot be written",
                    e);
        }
    }

    @Deactivate
    void deactivate() throws IOException, InterruptedException {
        timer.shutdown();
        timer.awaitTermination(10, TimeUnit.SECONDS);
        write();
        watches.values().forEach(Watch::close);
        watches.clear();
        log.close();
    }
}
