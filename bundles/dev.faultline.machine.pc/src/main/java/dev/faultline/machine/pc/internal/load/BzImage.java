// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import static dev.faultline.api.cpu.Gpr.RSI;

import dev.faultline.api.address.Page;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.vm.MachineException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/**
 * Linux bzImage (Linux documentation, "The Linux/x86 Boot Protocol", sections "The Real-Mode Kernel
 * Header", "32-bit Boot Protocol" and "64-bit Boot Protocol"): real-mode code is skipped; a kernel
 * that has a 64-bit entry point is entered there with paging on, any other in 32-bit protected mode
 * without. Protocol 2.02 and newer; fields that a header is too old for have the values that the
 * protocol gives them.
 */
final class BzImage {
    static final int SETUP_SECTS = 0x1F1;
    static final int BOOT_FLAG = 0x1FE;
    static final int JUMP_LENGTH = 0x201;
    static final int HEADER = 0x202;
    static final int VERSION = 0x206;
    static final int TYPE_OF_LOADER = 0x210;
    static final int LOADFLAGS = 0x211;
    static final int RAMDISK_IMAGE = 0x218;
    static final int RAMDISK_SIZE = 0x21C;
    static final int CMD_LINE_PTR = 0x228;
    static final int INITRD_ADDR_MAX = 0x22C;
    static final int XLOADFLAGS = 0x236;
    static final int CMDLINE_SIZE = 0x238;
    static final int PREF_ADDRESS = 0x258;
    static final int INIT_SIZE = 0x260;

    static final int MAGIC_BOOT_FLAG = 0xAA55;
    static final int MAGIC_HEADER = 0x5372_6448; // "HdrS"
    static final int LEAST_VERSION = 0x202;
    private static final int VERSION_INITRD_MAX = 0x203;
    private static final int VERSION_SYSSIZE = 0x204;
    private static final int VERSION_RELOCATABLE = 0x205;
    private static final int VERSION_CMDLINE_SIZE = 0x206;
    private static final int VERSION_PREF_ADDRESS = 0x20A;
    private static final int VERSION_XLOADFLAGS = 0x20C;
    static final int CODE32_START = 0x214;
    static final int RELOCATABLE_KERNEL = 0x234;
    private static final long OLD_INITRD_MAX = 0x37FF_FFFF;
    private static final long OLD_CMDLINE_SIZE = 255;
    private static final long HIGH_LOAD = MemoryMap.MIB;
    static final int XLF_KERNEL_64 = 1;
    static final int LOADED_HIGH = 1;
    static final int UNDEFINED_LOADER = 0xFF;
    static final int SYSSIZE = 0x1F4;

    // struct boot_params ("zero page").
    static final int ACPI_RSDP_ADDR = 0x070;
    static final int E820_ENTRIES = 0x1E8;
    static final int SETUP_HEADER = 0x1F1;
    static final int E820_TABLE = 0x2D0;
    static final int E820_ENTRY_BYTES = 20;

    private static final int SECTOR = 512;
    private static final int SETUP_HEADER_END = 0x290;
    private static final long ENTRY_64 = 0x200;
    private static final long GDT = 0x1000;
    private static final long BOOT_PARAMS = 0x2000;
    private static final long PML4 = 0x9000;
    private static final long COMMAND_LINE = 0x2_0000;
    private static final int BOOT_CS = 0x10;
    private static final int BOOT_DS = 0x18;

    private BzImage() {}

    static boolean recognises(byte[] image) {
        // A file cut off inside the header is still told from a flat binary by the boot flag and
        // the jump over "HdrS".
        return image.length >= HEADER + 4
                && Bytes.u16(image, BOOT_FLAG) == MAGIC_BOOT_FLAG
                && Bytes.i32(image, HEADER) == MAGIC_HEADER;
    }

    static void load(ImageLoader.Request r) throws MachineException {
        checkHeader(r);
        byte[] image = r.image();
        int setupSectors = Bytes.u8(image, SETUP_SECTS) == 0 ? 4 : Bytes.u8(image, SETUP_SECTS);
        int kernelAt = (setupSectors + 1) * SECTOR;
        int kernelBytes = image.length - kernelAt;
        // Before 2.04 the field has 16 bits, which a bzImage overflows.
        long promised = version(image) < VERSION_SYSSIZE ? 0 : Bytes.u32(image, SYSSIZE) * 16;
        // syssize counts paragraphs; the last may be short of the file's end by its padding.
        if (kernelBytes <= 0 || kernelBytes + 15L < promised) {
            throw r.bad(
                    "is a truncated bzImage: its header promises %d bytes, the file has %d"
                            .formatted(kernelAt + promised, image.length));
        }
        long kernel = loadAddress(r);
        long initBytes = kernelBytes;
        if (version(image) >= VERSION_PREF_ADDRESS) {
            initBytes = Math.max(Bytes.u32(image, INIT_SIZE), kernelBytes);
        }
        boolean reached = is64(image) || kernel <= r.ram().lowEnd() - initBytes;
        if (kernel < MemoryMap.MIB || !r.ram().contains(kernel, initBytes) || !reached) {
            throw r.bad(
                    "the kernel needs RAM at 0x%x..0x%x, which ends at 0x%x: give the machine at least %d MiB"
                            .formatted(
                                    kernel,
                                    kernel + initBytes,
                                    r.ram().lowEnd(),
                                    (kernel + initBytes + MemoryMap.MIB - 1) / MemoryMap.MIB));
        }
        r.ram().write(kernel, image, kernelAt, kernelBytes);
        writeBootParams(r, kernel + initBytes, kernel);
        writeGdt(r.ram(), r.v(), is64(image));
        if (is64(image)) {
            writePageTables(r.ram());
            enter(r.v(), kernel + ENTRY_64);
        } else {
            enter32(r.v(), kernel);
        }
    }

    private static int version(byte[] image) {
        return Bytes.u16(image, VERSION);
    }

    private static boolean is64(byte[] image) {
        return version(image) >= VERSION_XLOADFLAGS
                && (Bytes.u16(image, XLOADFLAGS) & XLF_KERNEL_64) != 0;
    }

    /** Where the protected-mode part goes: where it wants to be, if it says so and can. */
    private static long loadAddress(ImageLoader.Request r) {
        byte[] image = r.image();
        if (is64(image)) {
            return Bytes.i64(image, PREF_ADDRESS);
        }
        boolean moves =
                version(image) >= VERSION_RELOCATABLE && Bytes.u8(image, RELOCATABLE_KERNEL) != 0;
        return moves && version(image) >= VERSION_PREF_ADDRESS
                ? Bytes.i64(image, PREF_ADDRESS)
                : HIGH_LOAD;
    }

    private static void checkHeader(ImageLoader.Request r) throws MachineException {
        byte[] image = r.image();
        if (image.length < SETUP_HEADER_END) {
            throw r.bad(
                    "is a truncated bzImage: %d bytes end inside the setup header"
                            .formatted(image.length));
        }
        int version = Bytes.u16(image, VERSION);
        if (version < LEAST_VERSION) {
            throw r.bad(
                    "boot protocol %d.%02d is too old; expected 2.02 or newer"
                            .formatted(version >> 8, version & 0xFF));
        }
        if ((Bytes.u8(image, LOADFLAGS) & LOADED_HIGH) == 0) {
            throw r.bad("is a zImage, which loads low; expected a bzImage");
        }
        if (!is64(image) && Bytes.u32(image, CODE32_START) == 0) {
            throw r.bad(
                    "has no 32-bit entry point (code32_start is 0): it starts in real mode and needs a BIOS, which there is not");
        }
        if (r.modules().size() > 1) {
            throw r.bad("takes one initrd, not " + r.modules().size());
        }
    }

    private static void writeBootParams(ImageLoader.Request r, long kernelEnd, long kernel)
            throws MachineException {
        byte[] page = new byte[Page.SIZE];
        ByteBuffer p = Bytes.wrap(page);
        int headerEnd = Math.min(HEADER + Bytes.u8(r.image(), JUMP_LENGTH), SETUP_HEADER_END);
        System.arraycopy(r.image(), SETUP_HEADER, page, SETUP_HEADER, headerEnd - SETUP_HEADER);
        p.put(TYPE_OF_LOADER, (byte) UNDEFINED_LOADER);
        p.putInt(CODE32_START, (int) kernel);
        p.putLong(ACPI_RSDP_ADDR, AcpiTables.write(r.ram(), r.vcpus()));
        writeCommandLine(r, p);
        if (!r.modules().isEmpty()) {
            writeInitrd(r, p, kernelEnd);
        }
        List<MemoryMap> map = MemoryMap.of(r.ram());
        for (int i = 0; i < map.size(); i++) {
            int at = E820_TABLE + i * E820_ENTRY_BYTES;
            MemoryMap m = map.get(i);
            p.putLong(at, m.base()).putLong(at + 8, m.size()).putInt(at + 16, m.type());
        }
        p.put(E820_ENTRIES, (byte) map.size());
        r.ram().write(BOOT_PARAMS, page, 0, page.length);
    }

    private static void writeCommandLine(ImageLoader.Request r, ByteBuffer p)
            throws MachineException {
        byte[] line = r.commandLine().getBytes(StandardCharsets.UTF_8);
        long most =
                version(r.image()) < VERSION_CMDLINE_SIZE
                        ? OLD_CMDLINE_SIZE
                        : Math.min(Bytes.u32(r.image(), CMDLINE_SIZE), 0xFFFF);
        if (line.length > most) {
            throw r.bad(
                    "command line has %d bytes; this kernel takes at most %d"
                            .formatted(line.length, most));
        }
        byte[] terminated = Arrays.copyOf(line, line.length + 1);
        r.ram().write(COMMAND_LINE, terminated, 0, terminated.length);
        p.putInt(CMD_LINE_PTR, (int) COMMAND_LINE);
    }

    /** As high as the kernel allows, so that it does not lie in the way of decompression. */
    private static void writeInitrd(ImageLoader.Request r, ByteBuffer p, long kernelEnd)
            throws MachineException {
        ImageLoader.Module initrd = r.modules().getFirst();
        int bytes = initrd.bytes().length;
        long highest =
                version(r.image()) < VERSION_INITRD_MAX
                        ? OLD_INITRD_MAX
                        : Bytes.u32(r.image(), INITRD_ADDR_MAX);
        long limit = Math.min(highest + 1, r.ram().lowEnd());
        long gpa = limit - bytes & -Page.SIZE;
        if (gpa < kernelEnd) {
            throw new MachineException(
                    "%s: initrd of %d bytes does not fit into RAM between the kernel's end 0x%x and 0x%x: give the machine more memory"
                            .formatted(initrd.path(), bytes, kernelEnd, limit));
        }
        r.ram().write(gpa, initrd.bytes(), 0, bytes);
        p.putInt(RAMDISK_IMAGE, (int) gpa);
        p.putInt(RAMDISK_SIZE, bytes);
    }

    /**
     * Identity map of the first 4 GiB in 2 MiB pages: covers kernel, zero page, command line and
     * initrd, as the protocol asks.
     */
    private static void writePageTables(GuestRam ram) {
        long pdpt = PML4 + Page.SIZE;
        long directories = pdpt + Page.SIZE;
        byte[] tables = new byte[6 * Page.SIZE];
        ByteBuffer t = Bytes.wrap(tables);
        t.putLong(0, pdpt | 3);
        for (int i = 0; i < 4; i++) {
            t.putLong(Page.SIZE + 8 * i, directories + (long) i * Page.SIZE | 3);
        }
        for (int i = 0; i < 4 * 512; i++) {
            t.putLong(2 * Page.SIZE + 8 * i, (long) i << 21 | 0x83);
        }
        ram.write(PML4, tables, 0, tables.length);
    }

    private static void writeGdt(GuestRam ram, VcpuContext v, boolean wide) {
        byte[] gdt = new byte[0x20];
        ByteBuffer g = Bytes.wrap(gdt);
        g.putLong(BOOT_CS, wide ? 0x00AF_9B00_0000_FFFFL : 0x00CF_9B00_0000_FFFFL);
        g.putLong(BOOT_DS, 0x00CF_9300_0000_FFFFL);
        ram.write(GDT, gdt, 0, gdt.length);
        v.gdtBase = GDT;
        v.gdtLimit = gdt.length - 1;
        v.idtBase = 0;
        v.idtLimit = 0;
    }

    /** "32-bit Boot Protocol": flat segments, interrupts off, EBP, EDI and EBX 0. */
    private static void enter32(VcpuContext v, long entry) {
        ProtectedMode.flat32(v);
        for (int s = Segments.ES; s <= Segments.GS; s++) {
            v.segSel[s] = s == Segments.CS ? BOOT_CS : BOOT_DS;
        }
        v.rip = entry;
        v.gpr[RSI] = BOOT_PARAMS;
    }

    private static void enter(VcpuContext v, long entry) {
        ProtectedMode.long64(v, PML4, BOOT_CS, BOOT_DS);
        v.rip = entry;
        v.gpr[RSI] = BOOT_PARAMS;
    }
}
