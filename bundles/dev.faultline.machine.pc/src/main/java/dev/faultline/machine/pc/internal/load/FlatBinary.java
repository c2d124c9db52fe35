// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import static dev.faultline.api.cpu.Gpr.RDX;
import static dev.faultline.api.cpu.Gpr.RSP;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.vm.MachineException;

/**
 * A flat binary: loaded at 0x7c00 and entered there in real mode at 0000:7c00, all segments 0, SP
 * below the image, DL 0x80: as a BIOS enters a boot sector. There is no BIOS.
 */
final class FlatBinary {
    static final long LOAD_GPA = 0x7C00;
    static final int LARGEST = 512 << 10;
    private static final int BOOT_DRIVE = 0x80;

    private FlatBinary() {}

    static void load(ImageLoader.Request r) throws MachineException {
        if (r.image().length > LARGEST) {
            throw r.bad(
                    "is neither a bzImage nor a multiboot ELF, and with %d bytes too large for a flat binary (at most %d)"
                            .formatted(r.image().length, LARGEST));
        }
        if (!r.modules().isEmpty()) {
            throw r.bad("is a flat binary, which takes no modules or initrd");
        }
        r.ram().write(LOAD_GPA, r.image(), 0, r.image().length);
        VcpuContext v = r.v();
        for (int s = Segments.ES; s <= Segments.GS; s++) {
            v.segSel[s] = 0;
            v.segBase[s] = 0;
        }
        v.rip = LOAD_GPA;
        v.gpr[RSP] = LOAD_GPA;
        v.gpr[RDX] = BOOT_DRIVE;
    }
}
