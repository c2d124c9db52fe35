// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.demo;

import dev.faultline.api.address.Page;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.shell.internal.cli.Services;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Where two machines' memories differ. */
final class MemoryComparison {
    private MemoryComparison() {}

    /** The first page that differs, for people; null if none does. Both machines stand. */
    static @Nullable String difference(Machine a, Machine b, Set<Long> skip) {
        List<RamBlock> x = a.memory().blocks();
        List<RamBlock> y = b.memory().blocks();
        for (int i = 0; i < x.size(); i++) {
            for (long off = 0; off < x.get(i).size(); off += Page.SIZE) {
                long ha = x.get(i).hva() + off;
                long hb = y.get(i).hva() + off;
                if (HostBytes.ALL
                                        .asSlice(ha, Page.SIZE)
                                        .mismatch(HostBytes.ALL.asSlice(hb, Page.SIZE))
                                >= 0
                        && !(i == 0 && skip.contains(off >>> Page.SHIFT))) {
                    return "page 0x%x of RAM block %s"
                            .formatted(off >>> Page.SHIFT, x.get(i).name());
                }
            }
        }
        return null;
    }

    /**
     * Time changes a real guest's memory, so that no two runs leave the same. What they start from
     * must be the same all the same: the first page in which it is not, null if there is none.
     *
     * @param dir the snapshot, which machines of {@code config} are restored from and never run
     */
    static @Nullable String beforeStart(Services services, Path dir, MachineConfig config)
            throws MachineException {
        try (Machine eager = services.machines().create(config);
                Restored _ = services.snapshots().restore(dir, eager, RestoreMode.EAGER)) {
            for (RestoreMode mode : List.of(RestoreMode.LAZY, RestoreMode.RECORDED)) {
                try (Machine other = services.machines().create(config);
                        Restored o = services.snapshots().restore(dir, other, mode)) {
                    o.complete();
                    String difference = difference(eager, other, Set.of());
                    if (difference != null) {
                        return Outcome.name(mode)
                                + ": not what an eager restore gives, first in "
                                + difference;
                    }
                }
            }
        }
        return null;
    }
}
