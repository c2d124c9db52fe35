// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.gogo;

import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.shell.internal.run.OpenOnFault;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A machine with what the shell keeps beside it: its serial output, and what was opened for it. */
final class Guest implements AutoCloseable {
    private static final int KEPT_BYTES = 64 << 10;

    private final String name;
    private final Machine machine;
    private final boolean ours;
    private final SerialLog serial = new SerialLog(KEPT_BYTES);
    private final Consumer<byte[]> listener = serial::add;
    private @Nullable OpenOnFault opener;
    private @Nullable Restored restored;
    private @Nullable SerialFile file;
    private volatile @Nullable IOException fileFailure;

    /** Where the serial output goes besides. */
    private record SerialFile(OutputStream out, Consumer<byte[]> listener) {}

    /**
     * @param ours true if closing the guest closes the machine
     */
    Guest(String name, Machine machine, boolean ours) {
        this.name = name;
        this.machine = machine;
        this.ours = ours;
        machine.serial().addListener(listener);
    }

    String name() {
        return name;
    }

    Machine machine() {
        return machine;
    }

    boolean ours() {
        return ours;
    }

    SerialLog serial() {
        return serial;
    }

    /**
     * The guest's serial port goes to a file too, from now on; a failure is shown by {@code
     * vm:show}.
     */
    void serialTo(OutputStream out) {
        file =
                new SerialFile(
                        out,
                        bytes -> {
                            try {
                                out.write(bytes);
                                out.flush();
                            } catch (IOException e) {
                                fileFailure = e;
                            }
                        });
        machine.serial().addListener(file.listener());
    }

    /** Null if there was none. */
    @Nullable IOException fileFailure() {
        return fileFailure;
    }

    void opener(OpenOnFault added) {
        opener = added;
    }

    void restored(Restored from) {
        restored = from;
    }

    /** May be null. */
    @Nullable Restored restored() {
        return restored;
    }

    /** One word, or why the machine stands. */
    String state() throws InterruptedException {
        VcpuExit exit = machine.running() ? null : machine.await(Duration.ZERO);
        return switch (exit) {
            case null -> machine.running() ? "running" : "stopping";
            case VcpuExit.Paused p -> "paused: " + p.reason();
            case VcpuExit.Fault f ->
                    f.reason().equals(VcpuExit.Fault.UNRESOLVED)
                            ? "stopped by " + f.fault()
                            : "stopped: " + f.reason();
            case VcpuExit.Exited e -> "ended with exit code " + e.code();
            case VcpuExit.PoweredOff p -> "powered off: " + p.how();
            case VcpuExit.Reset r -> "reset: " + r.how();
            case VcpuExit.Crashed c -> "crashed: " + c.why();
        };
    }

    @Override
    public void close() {
        machine.serial().removeListener(listener);
        if (ours) {
            machine.close();
        }
        if (opener != null) {
            opener.close();
        }
        if (restored != null) {
            restored.close();
        }
        if (file != null) {
            machine.serial().removeListener(file.listener());
            try {
                file.out().close();
            } catch (IOException e) {
                fileFailure = e;
            }
        }
    }
}
