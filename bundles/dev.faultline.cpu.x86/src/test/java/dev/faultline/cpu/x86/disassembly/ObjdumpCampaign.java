// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import java.io.IOException;
import java.nio.file.Path;

/** Compares with the host's objdump: the section .text of ELF files. */
public final class ObjdumpCampaign {
    private ObjdumpCampaign() {}

    public static void main(String[] args) throws IOException {
        if (!Objdump.exists()) {
            System.err.println("disassembler: this host has no objdump");
            System.exit(1);
        }
        long different = 0;
        for (int bits : new int[] {64, 32, 16}) {
            Comparison c = new Comparison(System.out);
            c.slots(Forms.of(bits), bits);
            c.print(bits + "-bit forms of the table's lines");
            different += c.different;
        }
        for (String file : args) {
            ElfText text = ElfText.read(Path.of(file));
            Comparison c = new Comparison(System.out);
            c.all(text.code(), 64, text.address());
            c.print(file);
            different += c.different;
        }
        System.exit(different == 0 ? 0 : 1);
    }
}
