// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code restore DIR}: resumes a snapshot. */
@Command(name = "restore", description = "Resumes a snapshot.")
final class RestoreCommand implements Callable<Integer> {
    private final Services services;

    @Parameters(paramLabel = "DIR", description = "the snapshot")
    private Path dir;

    @Option(
            names = "--mode",
            paramLabel = "eager|lazy|recorded",
            description = "how RAM comes back (default: ${DEFAULT-VALUE})",
            defaultValue = "lazy")
    private RestoreMode mode;

    @Mixin private RunOptions options;

    RestoreCommand(Services services) {
        this.services = services;
    }

    @Override
    public Integer call() throws Exception {
        options.check();
        SnapshotInfo info = services.snapshots().info(dir);
        MachineConfig c = info.config();
        MachineConfig config =
                new MachineConfig(
                        c.name(),
                        c.ramBytes(),
                        c.vcpus(),
                        options.engine,
                        options.faultStyle,
                        c.devices());
        try (Machine machine = services.machines().create(config);
                RunSession session = new RunSession(services, machine, options)) {
            session.prepare();
            session.begin();
            try (Restored restored = services.snapshots().restore(dir, machine, mode)) {
                session.protect();
                int code = session.run(restored);
                if (options.record) {
                    restored.saveRecording();
                }
                return code;
            }
        }
    }
}
