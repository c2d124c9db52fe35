// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.cpu.VcpuContext;
import dev.faultline.api.vm.MachineException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Multiboot Specification version 0.6.96: 32-bit ELF images, and images with the address fields
 * ("a.out kludge"). Gives memory sizes, memory map, command line, modules and loader name.
 */
final class Multiboot {
    static final int ELF_MAGIC = 0x464C_457F;
    static final int HEADER_MAGIC = 0x1BAD_B002;
    static final int LOADER_MAGIC = 0x2BAD_B002;

    /** The header lies in the first 8 KiB. */
    static final int HEADER_AREA = 8192;

    static final int FLAG_VIDEO = 4;
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
    private static final int EM_386 = 3;
    private static final int EM_X86_64 = 62;
    private static final int PT_LOAD = 1;
    private static final String LOADER_NAME = "Faultline";
    private static final long PAGE = 4096;

    /** Where information, strings and map go: conventional memory that no image may use. */
    private static final int INFO_GPA = 0x9000;

    private static final int INFO_END = 0x1_0000;
    private static final int RAX = 0;
    private static final int RBX = 3;

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
                    "multiboot header requires features 0x%x that are not offered"
                            .formatted(flags & 0xFFFF & ~FLAGS_KNOWN));
        }
        Placed placed = (flags & FLAG_ADDRESSES) != 0 ? loadKludge(r, header) : loadElf(r);
        long info = writeInformation(r, placed.end());
        enter(r.v(), placed.entry(), info);
    }

    /**
     * @param end first gpa after the image
     */
    private record Placed(long entry, long end) {}

    private static Placed loadKludge(ImageLoader.Request r, int header) throws MachineException {
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
        checkRange(r, "image", load, end - load);
        r.ram().write(load, image, (int) offset, (int) bytes);
        r.ram().clear(load + bytes, end - (load + bytes));
        checkEntry(r, entry);
        return new Placed(entry, end);
    }

    private static Placed loadElf(ImageLoader.Request r) throws MachineException {
        byte[] image = r.image();
        if (image.length < 52 || Bytes.i32(image, 0) != ELF_MAGIC) {
            throw r.bad(
                    "has a multiboot header, but is neither an ELF file nor gives load addresses");
        }
        int machine = Bytes.u16(image, 18);
        if (image[4] != 1 || image[5] != 1 || machine != EM_386 && machine != EM_X86_64) {
            throw r.bad("must be a 32-bit little-endian x86 ELF file to be booted by multiboot");
        }
        long programHeaders = Bytes.u32(image, 28);
        int size = Bytes.u16(image, 42);
        int count = Bytes.u16(image, 44);
        if (count == 0 || size < 32 || programHeaders + (long) size * count > image.length) {
            throw r.bad(
                    "is truncated or damaged: its %d program headers at 0x%x are not in the file"
                            .formatted(count, programHeaders));
        }
        long end = 0;
        for (int i = 0; i < count; i++) {
            int at = (int) programHeaders + i * size;
            if (Bytes.i32(image, at) == PT_LOAD) {
                end = Math.max(end, loadSegment(r, at));
            }
        }
        if (end == 0) {
            throw r.bad("has no loadable segment");
        }
        long entry = Bytes.u32(image, 24);
        checkEntry(r, entry);
        return new Placed(entry, end);
    }

    private static long loadSegment(ImageLoader.Request r, int header) throws MachineException {
        byte[] image = r.image();
        long offset = Bytes.u32(image, header + 4);
        long gpa = Bytes.u32(image, header + 12);
        long fileBytes = Bytes.u32(image, header + 16);
        long memoryBytes = Bytes.u32(image, header + 20);
        if (memoryBytes == 0) {
            return 0;
        }
        if (offset + fileBytes > image.length || fileBytes > memoryBytes) {
            throw r.bad(
                    "is truncated: a segment needs bytes 0x%x..0x%x of the file, which has 0x%x"
                            .formatted(offset, offset + fileBytes, image.length));
        }
        checkRange(r, "segment", gpa, memoryBytes);
        r.ram().write(gpa, image, (int) offset, (int) fileBytes);
        r.ram().clear(gpa + fileBytes, memoryBytes - fileBytes);
        return gpa + memoryBytes;
    }

    private static void checkRange(ImageLoader.Request r, String what, long gpa, long bytes)
            throws MachineException {
        if (!r.ram().contains(gpa, bytes)) {
            throw r.bad(
                    "%s 0x%x..0x%x lies outside RAM, which ends at 0x%x: give the machine more memory"
                            .formatted(what, gpa, gpa + bytes, r.ram().lowEnd()));
        }
        if (gpa < INFO_END && gpa + bytes > INFO_GPA) {
            throw r.bad(
                    "%s 0x%x..0x%x overlaps the boot information at 0x9000..0xffff"
                            .formatted(what, gpa, gpa + bytes));
        }
    }

    private static void checkEntry(ImageLoader.Request r, long entry) throws MachineException {
        if (!r.ram().contains(entry, 1)) {
            throw r.bad("entry point 0x%x lies outside RAM".formatted(entry));
        }
    }

    // ---- boot information
    // ----------------------------------------------------------------------------------------------

    private static long writeInformation(ImageLoader.Request r, long imageEnd)
            throws MachineException {
        GuestRam ram = r.ram();
        byte[] area = new byte[INFO_END - INFO_GPA];
        ByteBuffer out = Bytes.wrap(area);
        out.position(INFO_BYTES);
        List<MemoryMap> map = MemoryMap.of(ram);
        int mapAt = out.position();
        for (MemoryMap m : map) {
            out.putInt(MAP_ENTRY_BYTES - 4).putLong(m.base()).putLong(m.size()).putInt(m.type());
        }
        int modulesAt = out.position();
        int modules = r.modules().size();
        int strings = modulesAt + modules * MODULE_BYTES;
        if (strings > area.length) {
            throw r.bad("%d modules are too many".formatted(modules));
        }
        out.position(strings);
        int loaderName = string(r, out, LOADER_NAME);
        String line = r.path() + (r.commandLine().isEmpty() ? "" : " " + r.commandLine());
        int commandLine = string(r, out, line);
        long at = Math.max(imageEnd, MemoryMap.MIB);
        for (int i = 0; i < modules; i++) {
            ImageLoader.Module m = r.modules().get(i);
            at = at + PAGE - 1 & -PAGE;
            if (at + m.bytes().length > ram.lowEnd()) {
                throw new MachineException(
                        "%s: module of %d bytes does not fit into RAM after 0x%x: give the machine more memory"
                                .formatted(m.path(), m.bytes().length, at));
            }
            ram.write(at, m.bytes(), 0, m.bytes().length);
            int entry = modulesAt + i * MODULE_BYTES;
            int name = string(r, out, m.path().toString());
            out.putInt(entry, (int) at)
                    .putInt(entry + 4, (int) (at + m.bytes().length))
                    .putInt(entry + 8, name);
            at += m.bytes().length;
        }
        out.putInt(
                0,
                INFO_MEMORY
                        | INFO_COMMAND_LINE
                        | INFO_MODULES
                        | INFO_MEMORY_MAP
                        | INFO_LOADER_NAME);
        out.putInt(4, (int) (MemoryMap.LOW_END >> 10));
        out.putInt(8, (int) (Math.max(0, ram.lowEnd() - MemoryMap.MIB) >> 10));
        out.putInt(16, commandLine);
        out.putInt(20, modules);
        out.putInt(24, INFO_GPA + modulesAt);
        out.putInt(44, map.size() * MAP_ENTRY_BYTES);
        out.putInt(48, INFO_GPA + mapAt);
        out.putInt(64, loaderName);
        ram.write(INFO_GPA, area, 0, out.position());
        return INFO_GPA;
    }

    /**
     * @return the string's gpa
     */
    private static int string(ImageLoader.Request r, ByteBuffer out, String s)
            throws MachineException {
        byte[] bytes = s.getBytes(StandardCharsets.UTF_8);
        if (bytes.length + 1 > out.remaining()) {
            throw r.bad(
                    "command line and module names have more than %d bytes"
                            .formatted(out.capacity()));
        }
        int gpa = INFO_GPA + out.position();
        out.put(bytes).put((byte) 0);
        return gpa;
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
