// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.shell.internal.bootcache.BootCache;
import java.io.InputStream;
import java.io.PrintStream;
import java.util.function.DoubleConsumer;

/** What a command works with; one for each call. */
public record Services(
        MachineFactory machines,
        SnapshotService snapshots,
        StyleSwitch styles,
        BootCache bootCache,
        InputStream in,
        PrintStream out,
        PrintStream err,
        Report report,
        Stop stop) {
    /**
     * To be closed in place of a machine: after a signal the end does not wait for a vCPU that does
     * not come out of somebody's handler.
     */
    public Closing closing(Machine machine) {
        return () -> stop.bounded(machine::close);
    }

    /**
     * Told how far {@code what}, long work, has come: shows it, and ends the work after a signal.
     */
    public DoubleConsumer telling(Progress progress, String what) {
        return fraction -> {
            stop.check();
            progress.done(what, fraction);
        };
    }

    /** Closes without an exception. */
    public interface Closing extends AutoCloseable {
        @Override
        void close();
    }
}
