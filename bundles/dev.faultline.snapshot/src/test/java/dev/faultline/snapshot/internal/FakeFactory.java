// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.api.vm.RamSource;
import java.util.ArrayList;
import java.util.List;

/** Makes {@link Fake}s. */
final class FakeFactory implements MachineFactory {
    final List<Fake> made = new ArrayList<>();

    /** What the machine shall not take from its maker. */
    String ownBlock;

    int rom = 5;

    @Override
    public Machine create(MachineConfig config) throws MachineException {
        return create(config, (block, bytes) -> null);
    }

    @Override
    public Machine create(MachineConfig config, RamSource ram) throws MachineException {
        if (config.name().isBlank()) {
            throw new MachineException("a machine needs a name");
        }
        Fake f =
                new Fake(
                        (int) (config.ramBytes() / Fake.PAGE),
                        rom,
                        (block, bytes) -> block.equals(ownBlock) ? null : ram.region(block, bytes));
        made.add(f);
        return f.machine;
    }

    @Override
    public List<Machine> machines() {
        return made.stream().map(f -> f.machine).toList();
    }

    @Override
    public List<String> engines() {
        return List.of();
    }

    @Override
    public List<String> faultStyles() {
        return List.of();
    }

    @Override
    public List<String> devices() {
        return List.of();
    }
}
