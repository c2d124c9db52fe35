// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

import dev.faultline.api.cli.CommandLine;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.shell.internal.bootcache.BootCache;
import dev.faultline.shell.internal.cli.Report;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.Stop;
import dev.faultline.shell.internal.cli.StyleSwitch;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** {@code faultline COMMAND}: one class per command, each a subcommand of {@link Root}. */
@Component(service = CommandLine.class)
public final class FaultlineCommandLine implements CommandLine {
    private final MachineFactory machines;
    private final SnapshotService snapshots;
    private final StyleSwitch styles;
    private final BootCache bootCache;
    private final Set<Stop> running = ConcurrentHashMap.newKeySet();
    private volatile int stopped;

    @Activate
    public FaultlineCommandLine(
            @Reference(name = "machines") MachineFactory machines,
            @Reference(name = "snapshots") SnapshotService snapshots,
            @Reference(name = "styles") StyleSwitch styles,
            @Reference(name = "bootCache") BootCache bootCache) {
        this.machines = machines;
        this.snapshots = snapshots;
        this.styles = styles;
        this.bootCache = bootCache;
    }

    @Override
    public int run(String[] args, InputStream in, OutputStream out, OutputStream err)
            throws InterruptedException {
        PrintStream o = new PrintStream(out, true, StandardCharsets.UTF_8);
        PrintStream e = new PrintStream(err, true, StandardCharsets.UTF_8);
        Stop stop = new Stop();
        Services services =
                new Services(machines, snapshots, styles, bootCache, in, o, e, new Report(), stop);
        running.add(stop);
        if (stopped != 0) {
            stop.ask(stopped);
        }
        try {
            return Root.execute(services, args);
        } finally {
            running.remove(stop);
        }
    }

    @Override
    public void stop(int signal) {
        if (stopped == 0) {
            stopped = signal;
        }
        running.forEach(s -> s.ask(stopped));
    }
}
