// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.shell.internal.cli.ExitCode;
import dev.faultline.shell.internal.cli.OneLine;
import org.jspecify.annotations.Nullable;

/** Why a run ended, and what the process exits with. */
public record End(int code, String reason) {
    public static final End STOP_TEXT =
            new End(ExitCode.DONE, "the guest sent the text of --stop-when");
    static final End TIMEOUT = new End(ExitCode.TIMEOUT, "the time of --timeout passed");

    static int code(VcpuExit x) {
        return switch (x) {
            case VcpuExit.Exited e -> e.code() & 0xFF; // all that a process can tell
            case VcpuExit.PoweredOff _ -> ExitCode.DONE;
            case VcpuExit.Reset _ -> ExitCode.DONE;
            case VcpuExit.Crashed _ -> ExitCode.CRASHED;
            case VcpuExit.Fault _ -> ExitCode.ERROR;
            case VcpuExit.Paused _ -> ExitCode.ERROR;
        };
    }

    /**
     * @param failure of the restore, or null
     */
    static String reason(VcpuExit x, @Nullable SnapshotException failure) {
        return switch (x) {
            case VcpuExit.Exited e -> "the guest ended itself with exit code " + e.code();
            case VcpuExit.PoweredOff p -> "the guest powered off: " + p.how();
            case VcpuExit.Reset r -> "the guest reset the machine: " + r.how();
            case VcpuExit.Crashed c -> "the guest crashed: " + c.why();
            case VcpuExit.Fault f ->
                    failure != null
                            ? OneLine.of(failure.getMessage())
                            : f.reason() + ": " + f.fault();
            case VcpuExit.Paused p -> "the machine paused: " + p.reason();
        };
    }
}
