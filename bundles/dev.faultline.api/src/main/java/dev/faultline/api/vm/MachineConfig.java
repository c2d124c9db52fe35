// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import java.nio.file.Path;
import java.util.List;

/**
 * What to build. Checked by {@link MachineFactory#create}.
 *
 * @param name for logs and handlers, non-blank
 * @param ramBytes multiple of 1 MiB, 4 MiB .. 1 TiB
 * @param vcpus 1 .. 16
 * @param engine an engine's name, e.g. {@code interpreter}
 * @param faultStyle {@code thrown} or {@code coded}
 * @param devices additional devices, each {@code NAME[?][,KEY=VALUE...]}: its name, ? if the
 *     machine may do without it, and what it is given as options
 */
public record MachineConfig(
        String name,
        long ramBytes,
        int vcpus,
        String engine,
        String faultStyle,
        List<String> devices) {
    public MachineConfig {
        devices = List.copyOf(devices);
    }

    /**
     * What to boot.
     *
     * @param image bzImage, multiboot v1 ELF or flat binary, told apart by content
     * @param modules initrd (bzImage: at most one) or multiboot modules
     * @param commandLine passed to the guest
     */
    public record Boot(Path image, List<Path> modules, String commandLine) {
        public Boot {
            modules = List.copyOf(modules);
        }
    }
}
