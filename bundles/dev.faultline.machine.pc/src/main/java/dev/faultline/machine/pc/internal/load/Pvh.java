// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import static dev.faultline.api.cpu.Gpr.RBX;

import dev.faultline.api.address.Page;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.vm.MachineException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * PVH: an ELF file whose note {@code XEN_ELFNOTE_PHYS32_ENTRY} gives a 32-bit entry point, such as
 * Linux's uncompressed {@code vmlinux} (Xen, "x86/HVM direct boot ABI"; the structures are those of
 * Xen's public header arch-x86/hvm/start_info.h). Gives memory map, command line, modules and the
 * RSDP.
 */
final class Pvh {
    static final String NOTE_NAME = "Xen";
    static final int PHYS32_ENTRY = 18;
    static final int START_MAGIC = 0x336E_C578;
    private static final int START_BYTES = 56;
    private static final int MODULE_BYTES = 32;
    private static final int MAP_ENTRY_BYTES = 24;
    private static final int AREA = 0x7000;

    private Pvh() {}

    static void load(ImageLoader.Request r) throws MachineException {
        Elf elf = Elf.of(r);
        long entry = elf.note(NOTE_NAME, PHYS32_ENTRY);
        if (entry < 0) {
            throw r.bad(
                    "is an ELF file with neither a multiboot (version 1) header nor a note XEN_ELFNOTE_PHYS32_ENTRY (PVH);"
                            + " expected a bzImage, a multiboot or PVH ELF, or a flat binary");
        }
        Occupied occupied = new Occupied();
        elf.load(occupied);
        r.requireEntry(entry, entry);
        if (occupied.overlaps(AcpiTables.AREA, MemoryMap.MIB - AcpiTables.AREA)) {
            throw r.bad(
                    "has a segment at 0x%x..0x%x; expected none, for the ACPI tables lie there"
                            .formatted(AcpiTables.AREA, MemoryMap.MIB));
        }
        long rsdp = AcpiTables.write(r.ram(), r.vcpus());
        ProtectedMode.flat32(r.v());
        VcpuContext v = r.v();
        v.rip = entry;
        v.gpr[RBX] = startInfo(r, occupied, rsdp);
    }

    private static long startInfo(ImageLoader.Request r, Occupied occupied, long rsdp)
            throws MachineException {
        List<ImageLoader.Module> modules = r.modules();
        long[] starts = new long[modules.size()];
        long at = Math.max(occupied.end(), MemoryMap.MIB);
        for (int i = 0; i < starts.length; i++) {
            byte[] bytes = modules.get(i).bytes();
            at = at + Page.SIZE - 1 & -Page.SIZE;
            if (at + bytes.length > r.ram().lowEnd()) {
                throw new MachineException(
                        "%s: module of %d bytes does not fit into RAM after 0x%x: give the machine more memory"
                                .formatted(modules.get(i).path(), bytes.length, at));
            }
            r.ram().write(at, bytes, 0, bytes.length);
            occupied.add(at, bytes.length);
            starts[i] = at;
            at += bytes.length;
        }
        long gpa = occupied.take(r.ram(), AREA);
        if (gpa < 0) {
            throw r.bad(
                    "leaves no %d bytes of RAM for the start information: give the machine more memory"
                            .formatted(AREA));
        }
        write(r, gpa, starts, rsdp);
        return gpa;
    }

    private static void write(ImageLoader.Request r, long gpa, long[] starts, long rsdp)
            throws MachineException {
        byte[] area = new byte[AREA];
        ByteBuffer out = Bytes.wrap(area);
        List<MemoryMap> map = MemoryMap.of(r.ram());
        byte[] line = r.commandLine().getBytes(StandardCharsets.UTF_8);
        int mapAt = START_BYTES;
        int modulesAt = mapAt + map.size() * MAP_ENTRY_BYTES;
        int lineAt = modulesAt + starts.length * MODULE_BYTES;
        if (lineAt + line.length + 1 > area.length) {
            throw r.bad(
                    "command line of %d bytes and %d modules are too much; expected at most %d bytes together"
                            .formatted(line.length, starts.length, area.length));
        }
        out.putInt(START_MAGIC).putInt(1).putInt(0).putInt(starts.length);
        out.putLong(starts.length == 0 ? 0 : gpa + modulesAt)
                .putLong(gpa + lineAt)
                .putLong(rsdp)
                .putLong(gpa + mapAt)
                .putInt(map.size())
                .putInt(0);
        for (MemoryMap m : map) {
            out.putLong(m.base()).putLong(m.size()).putInt(m.type()).putInt(0);
        }
        for (int i = 0; i < starts.length; i++) {
            out.putLong(starts[i]).putLong(r.modules().get(i).bytes().length).putLong(0).putLong(0);
        }
        out.put(line);
        r.ram().write(gpa, area, 0, area.length);
    }
}
