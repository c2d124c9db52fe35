// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.vm.MachineException;
import dev.faultline.testkit.Fuzz;
import java.nio.file.Path;
import java.util.List;

/** Fuzz target: the image of a guest and, behind it, a module as long as the first byte says. */
public final class ImageFuzz {
    private static final ArrayRam RAM = new ArrayRam(32 << 20);
    private static final VcpuContext VCPU = new VcpuContext(0);

    private ImageFuzz() {}

    public static void fuzzerTestOneInput(byte[] data) {
        if (data.length == 0) {
            return;
        }
        int split = data.length - Math.min(data[0] & 0xFF, data.length - 1);
        byte[] image = java.util.Arrays.copyOfRange(data, 1, split);
        byte[] module = java.util.Arrays.copyOfRange(data, split, data.length);
        Path path = Path.of("image");
        List<ImageLoader.Module> modules =
                module.length == 0
                        ? List.of()
                        : List.of(new ImageLoader.Module(Path.of("module"), module));
        Fuzz.bounded(
                data.length,
                64,
                () -> {
                    try {
                        ImageLoader.load(
                                new ImageLoader.Request(
                                        path, image, modules, "quiet", RAM, 2, VCPU));
                    } catch (MachineException e) {
                        Fuzz.oneLine(e);
                    }
                });
    }
}
