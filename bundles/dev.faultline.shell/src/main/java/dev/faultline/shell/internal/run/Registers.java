// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.vm.Machine;
import java.util.Locale;

/** A vCPU's registers as people read them. */
public final class Registers {
    private static final String[] GENERAL = {
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"
    };
    private static final int[] SEGMENTS = {
        Segments.CS, Segments.SS, Segments.DS, Segments.ES, Segments.FS, Segments.GS
    };
    private static final String[] SEGMENT_NAMES = {"cs", "ss", "ds", "es", "fs", "gs"};
    private static final int COUNT = 16; // what follows in the array is the engine's
    private static final int PER_LINE = 4;

    private Registers() {}

    /** Of all vCPUs; a machine that runs stands for a moment. */
    public static String of(Machine machine) {
        StringBuilder all = new StringBuilder();
        machine.quiesce(() -> {
            for (VcpuState v : machine.vcpus()) {
                all.append(of(v));
            }
        });
        return all.toString();
    }

    /** Of one that stands; lines, each with its end. */
    static String of(VcpuState v) {
        StringBuilder s = new StringBuilder();
        line(s, "vCPU %d: %d-bit, instructions %,d", v.index, v.codeBits, v.instructions);
        for (int i = 0; i < COUNT; i++) {
            String name = i < GENERAL.length ? GENERAL[i] : "r" + i;
            s.append(format("  %-3s %016x", name, v.gpr[i]));
            if (i % PER_LINE == PER_LINE - 1) {
                s.append('\n');
            }
        }
        line(s, "  rip %016x  rflags %08x", v.rip, v.getFlags());
        for (int i = 0; i < SEGMENTS.length; i++) {
            int x = SEGMENTS[i];
            s.append(format("  %s %04x:%x", SEGMENT_NAMES[i], v.segSel[x], v.segBase[x]));
        }
        s.append('\n');
        line(s, "  cr0 %x  cr2 %x  cr3 %x  cr4 %x  efer %x", v.cr0, v.cr2, v.cr3, v.cr4, v.efer);
        line(s, "  gdt %x limit %x  idt %x limit %x", v.gdtBase, v.gdtLimit, v.idtBase, v.idtLimit);
        return s.toString();
    }

    private static void line(StringBuilder s, String format, Object... values) {
        s.append(format(format, values)).append('\n');
    }

    private static String format(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
