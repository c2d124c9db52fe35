// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import static dev.faultline.api.cpu.Gpr.RAX;
import static dev.faultline.api.cpu.Gpr.RBX;

import dev.faultline.api.address.Page;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.vm.MachineException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Multiboot Specification version 0.6.96: ELF images (64-bit ones are entered in 32-bit mode like
 * the others, as GRUB does), and images with the address fields ("a.out kludge"). Gives memory
 * sizes, memory map, command line, modules and loader name, where the image leaves room.
 */
final class Multiboot {
    static final int HEADER_MAGIC = 0x1BAD_B002;
    static final int LOADER_MAGIC = 0x2BAD_B002;

    /** The header lies in the first 8 KiB. */
    static final int HEADER_AREA = 8192;

    static final int FLAG_ADDRESSES = 0x1_0000;

    /**
     * Requirements (bits 0-15) that we meet or may ignore: page-aligned modules, memory
     * information, video mode.
     */
    private static final int FLAGS_KNOWN = 7;

    static final int INFO_MEMORY = 1;
    static final int INFO_COMMAND_LINE = 4;
    static final int INFO_MODULES = 8;
    static final int INFO_MEMORY_MAP = 0x40;
    static final int INFO_LOADER_NAME = 0x200;
    private static final int INFO_BYTES = 88;
    private static final int MODULE_BYTES = 16;
    private static final int MAP_ENTRY_BYTES = 24;
    private static final String LOADER_NAME = "Faultline";

    private static final int INFO_FLAGS =
            INFO_MEMORY | INFO_COMMAND_LINE | INFO_MODULES | INFO_MEMORY_MAP | INFO_LOADER_NAME;

    /** Information, memory map, list of modules and strings together. */
    private static final int INFO_AREA = 0x7000;

    private Multiboot() {}

    static boolean recognises(byte[] image) {
        return header(image) >= 0;
    }

    private static int header(byte[] image) {
        int end = Math.min(image.length, HEADER_AREA) - 12;
        for (int at = 0; at <= end; at += 4) {
            if (Bytes.i32(image, at) == HEADER_MAGIC
                    && HEADER_MAGIC + Bytes.i32(image, at + 4) + Bytes.i32(image, at + 8) == 0) {
                return at;
            }
        }
        return -1;
    }

    static void load(ImageLoader.Request r) throws MachineException {
        byte[] image = r.image();
        int header = header(image);
        int flags = Bytes.i32(image, header + 4);
        if ((flags & 0xFFFF & ~FLAGS_KNOWN) != 0) {
            throw r.bad(
                    "multiboot header requires features 0x%x that are not offered; expected none but 0x%x"
                            .formatted(flags & 0xFFFF & ~FLAGS_KNOWN, FLAGS_KNOWN));
        }
        Occupied occupied = new Occupied();
        long entry =
                (flags & FLAG_ADDRESSES) != 0
                        ? loadKludge(r, header, occupied)
                        : loadElf(r, occupied);
        // Guests search there for the RSDP; an image that lies there wants it for itself.
        if (!occupied.overlaps(AcpiTables.AREA, MemoryMap.MIB - AcpiTables.AREA)) {
            AcpiTables.write(r.ram(), r.vcpus());
        }
        enter(r.v(), entry, writeInformation(r, occupied));
    }

    private static long loadKludge(ImageLoader.Request r, int header, Occupied occupied)
            throws MachineException {
        byte[] image = r.image();
        if (header + 32 > image.length) {
            throw r.bad("is truncated inside its multiboot header");
        }
        long headerAddress = Bytes.u32(image, header + 12);
        long load = Bytes.u32(image, header + 16);
        long loadEnd = Bytes.u32(image, header + 20);
        long bssEnd = Bytes.u32(image, header + 24);
        long entry = Bytes.u32(image, header + 28);
        long offset = header - (headerAddress - load);
        if (offset < 0 || offset > image.length) {
            throw r.bad(
                    "multiboot load address 0x%x lies after its header at 0x%x"
                            .formatted(load, headerAddress));
        }
        long bytes = loadEnd == 0 ? image.length - offset : loadEnd - load;
        if (bytes < 0 || offset + bytes > image.length) {
            throw r.bad(
                    "is truncated: its multiboot header asks for %d bytes from offset %d, the file has %d"
                            .formatted(bytes, offset, image.length));
        }
        long end = Math.max(load + bytes, bssEnd);
        r.requireRam("image", load, end - load);
        r.ram().write(load, image, (int) offset, (int) bytes);
        r.ram().clear(load + bytes, end - load - bytes);
        occupied.add(load, end - load);
        return r.requireEntry(entry, entry);
    }

    private static long loadElf(ImageLoader.Request r, Occupied occupied) throws MachineException {
        if (!Elf.recognises(r.image())) {
            throw r.bad(
                    "has a multiboot header, but is neither an ELF file nor gives load addresses");
        }
        Elf elf = Elf.of(r);
        elf.load(occupied);
        return elf.entry();
    }

    // ---- boot information

    private static long writeInformation(ImageLoader.Request r, Occupied occupied)
            throws MachineException {
        GuestRam ram = r.ram();
        long at = Math.max(occupied.end(), MemoryMap.MIB);
        long[] starts = new long[r.modules().size()];
        for (int i = 0; i < starts.length; i++) {
            ImageLoader.Module m = r.modules().get(i);
            at = at + Page.SIZE - 1 & -Page.SIZE;
            if (at + m.bytes().length > ram.lowEnd()) {
                throw new MachineException(
                        "%s: module of %d bytes does not fit into RAM after 0x%x: give the machine more memory"
                                .formatted(m.path(), m.bytes().length, at));
            }
            ram.write(at, m.bytes(), 0, m.bytes().length);
            occupied.add(at, m.bytes().length);
            starts[i] = at;
            at += m.bytes().length;
        }
        long gpa = occupied.take(ram, INFO_AREA);
        if (gpa < 0) {
            throw r.bad(
                    "leaves no %d bytes of RAM for the boot information: give the machine more memory"
                            .formatted(INFO_AREA));
        }
        Area area = new Area(r, gpa);
        area.write(starts);
        return gpa;
    }

    /** The information structure with what it points to, all in one piece. */
    private static final class Area {
        private final ImageLoader.Request r;
        private final int gpa;
        private final byte[] bytes = new byte[INFO_AREA];
        private final ByteBuffer out = Bytes.wrap(bytes);

        Area(ImageLoader.Request r, long gpa) {
            this.r = r;
            this.gpa = (int) gpa;
        }

        void write(long[] modules) throws MachineException {
            out.position(INFO_BYTES);
            List<MemoryMap> map = MemoryMap.of(r.ram());
            int mapAt = out.position();
            for (MemoryMap m : map) {
                out.putInt(MAP_ENTRY_BYTES - 4)
                        .putLong(m.base())
                        .putLong(m.size())
                        .putInt(m.type());
            }
            int modulesAt = out.position();
            int strings = modulesAt + modules.length * MODULE_BYTES;
            if (strings > bytes.length) {
                throw r.bad("%d modules are too many".formatted(modules.length));
            }
            out.position(strings);
            int loaderName = string(LOADER_NAME);
            String line = r.path() + (r.commandLine().isEmpty() ? "" : " " + r.commandLine());
            int commandLine = string(line);
            for (int i = 0; i < modules.length; i++) {
                ImageLoader.Module m = r.modules().get(i);
                int entry = modulesAt + i * MODULE_BYTES;
                int name = string(m.path().toString());
                out.putInt(entry, (int) modules[i])
                        .putInt(entry + 4, (int) (modules[i] + m.bytes().length))
                        .putInt(entry + 8, name);
            }
            out.putInt(0, INFO_FLAGS);
            out.putInt(4, (int) (MemoryMap.LOW_END >> 10));
            out.putInt(8, (int) (Math.max(0, r.ram().lowEnd() - MemoryMap.MIB) >> 10));
            out.putInt(16, commandLine);
            out.putInt(20, modules.length);
            out.putInt(24, gpa + modulesAt);
            out.putInt(44, map.size() * MAP_ENTRY_BYTES);
            out.putInt(48, gpa + mapAt);
            out.putInt(64, loaderName);
            r.ram().write(Integer.toUnsignedLong(gpa), bytes, 0, bytes.length);
        }

        /**
         * @return the string's gpa
         */
        private int string(String s) throws MachineException {
            byte[] text = s.getBytes(StandardCharsets.UTF_8);
            if (text.length + 1 > out.remaining()) {
                throw r.bad(
                        "command line and module names have more than %d bytes"
                                .formatted(out.capacity()));
            }
            int at = gpa + out.position();
            out.put(text).put((byte) 0);
            return at;
        }
    }

    /**
     * "3.2 Machine state": 32-bit protected mode, flat segments, paging off, interrupts off, A20
     * on.
     */
    private static void enter(VcpuContext v, long entry, long info) {
        ProtectedMode.flat32(v);
        v.rip = entry;
        v.gpr[RAX] = LOADER_MAGIC;
        v.gpr[RBX] = info;
        v.segSel[Segments.CS] = 0x08;
    }
}
