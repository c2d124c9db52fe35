// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ImageLoaderTest {
    private static final int MIB = 1 << 20;
    @TempDir private Path dir;
    private final VcpuContext v = new VcpuContext(0);
    private ArrayRam ram = new ArrayRam(64 * MIB);

    private Path file(String name, byte[] bytes) throws IOException {
        return Files.write(dir.resolve(name), bytes);
    }

    private void load(byte[] image, String commandLine, Path... modules) throws Exception {
        load(file("image", image), 1, commandLine, modules);
    }

    private void load(Path image, int vcpus, String commandLine, Path... modules)
            throws MachineException {
        ImageLoader.load(
                new MachineConfig.Boot(image, List.of(modules), commandLine), ram, vcpus, v);
    }

    private void refused(byte[] image, String... says) throws IOException {
        refused(file("image", image), says);
    }

    private void refused(Path image, String... says) {
        assertThatThrownBy(() -> load(image, 1, ""))
                .isInstanceOf(MachineException.class)
                .hasMessageContainingAll(says)
                .hasMessageNotContaining("\n");
    }

    // ---- files

    @Test
    void badFilesAreNamed() throws Exception {
        refused(dir.resolve("nowhere"), "nowhere", "no such file");
        refused(dir, dir.toString(), "is a directory");
        refused(new byte[0], "is empty");
        refused("Lorem ipsum\ndolor sit amet\n".getBytes(StandardCharsets.UTF_8), "is a text file");
        refused("x".repeat(100).getBytes(StandardCharsets.UTF_8), "is a text file");
        refused(new byte[600 << 10], "too large for a flat binary");
    }

    @Test
    void aMissingModuleIsNamed() {
        assertThatThrownBy(() -> load(Images.bzImage(), "", dir.resolve("initrd.gz")))
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("initrd.gz");
    }

    /** A 32-bit kernel reaches nothing above 4 GiB, where a large machine has RAM. */
    @Test
    void aKernelOf32BitsStaysBelowTheHole() {
        byte[] high = Images.with32(Images.bzImage32(0x20F), BzImage.PREF_ADDRESS + 4, 1);
        MachineConfig.Boot boot = new MachineConfig.Boot(dir.resolve("high"), List.of(), "");
        ImageLoader.BootFiles files = new ImageLoader.BootFiles(boot, high, List.of());
        assertThatThrownBy(() -> ImageLoader.load(files, new ArrayRam(6L << 30), 1, v))
                .isInstanceOf(MachineException.class)
                .hasMessageContaining("the kernel needs RAM at 0x1");
    }

    // ---- flat

    @Test
    void aFlatBinaryStartsLikeABootSector() throws Exception {
        v.segSel[Segments.CS] = 0xF000;
        v.segBase[Segments.CS] = 0xFFFF_0000L;
        load(new byte[] {(byte) 0xFA, (byte) 0xF4}, "");
        assertThat(ram.u8(0x7C00)).isEqualTo(0xFA);
        assertThat(v.rip).isEqualTo(0x7C00);
        assertThat(v.segBase[Segments.CS]).isZero();
        assertThat(v.segSel[Segments.CS]).isZero();
        assertThat(v.gpr[2]).isEqualTo(0x80);
        assertThat(v.codeBits).isEqualTo(16);
    }

    // ---- multiboot

    @Test
    void aMultibootElfGetsItsInformation() throws Exception {
        Path a = file("a.mod", new byte[5000]);
        Path b = file("b.mod", "module b".getBytes(StandardCharsets.UTF_8));
        load(Images.multibootElf(0x10_0000), "quiet x=1", a, b);
        assertThat(ram.u8(0x10_0000)).isEqualTo(0xA0);
        assertThat(v.rip).isEqualTo(0x10_0004);
        assertThat((int) v.gpr[0]).isEqualTo(0x2BAD_B002);
        assertThat(v.codeBits).isEqualTo(32);
        assertThat(v.cr0 & VcpuContext.CR0_PE).isNotZero();
        assertThat(v.cr0 & 0x8000_0000L).isZero();
        assertThat(v.segLimit[Segments.DS]).isEqualTo(-1);
        assertThat(v.eflags & VcpuContext.IF).isZero();
        long info = v.gpr[3];
        assertThat(ram.i32(info) & 0x24D).isEqualTo(0x24D);
        assertThat(ram.i32(info + 4)).isEqualTo(639);
        assertThat(ram.i32(info + 8)).isEqualTo(63 << 10);
        assertThat(ram.string(ram.i32(info + 16))).endsWith("image quiet x=1");
        assertThat(ram.i32(info + 20)).isEqualTo(2);
        long modules = ram.i32(info + 24);
        int second = ram.i32(modules + 16);
        assertThat(ram.i32(modules + 4) - ram.i32(modules)).isEqualTo(5000);
        assertThat(second & 0xFFF).isZero();
        assertThat(second).isGreaterThan(ram.i32(modules + 4));
        assertThat(ram.string(second)).isEqualTo("module b");
        assertThat(ram.string(ram.i32(modules + 24))).endsWith("b.mod");
        assertThat(ram.string(ram.i32(info + 64))).isEqualTo("Faultline");
        long map = ram.i32(info + 48);
        assertThat(ram.i32(map)).isEqualTo(20);
        assertThat(ram.i64(map + 12)).isEqualTo(0x9FC00);
    }

    /** As GRUB: what a kernel that is linked high gives is a virtual address. */
    @Test
    void anEntryPointMayBeAVirtualAddress() throws Exception {
        byte[] elf = Images.multibootElf(0x20_0000);
        byte[] high = Images.with32(Images.with32(elf, 60, 0xC000_0000), 24, 0xC000_0004);
        load(high, "");
        assertThat(v.rip).isEqualTo(0x20_0004);

        load(FuzzSeeds.multiboot64(), "");
        assertThat(v.rip).isEqualTo(0x10_0004);
        assertThat(v.codeBits).as("entered as a 32-bit one").isEqualTo(32);

        refused(
                Images.with32(Images.with32(elf, 60, 0xC000_0000), 24, 0xC000_0020),
                "entry point 0xc0000020",
                "inside a segment");
    }

    /** Segments win; no byte of them is overwritten, wherever they lie. */
    @ParameterizedTest
    @ValueSource(ints = {0x1000, 0x8000, 0x9000, 0xC000, 0xF000, 0x9_E000})
    void theInformationMovesOutOfTheWay(int gpa) throws Exception {
        for (int bytes : new int[] {32, 0x1000, 0x9_F000 - gpa}) {
            load(
                    Images.with32(Images.multibootElf(gpa), 72, bytes),
                    "quiet",
                    file("m", new byte[9]));
            long info = v.gpr[3];
            assertThat(info + 0x7000 <= gpa || info >= gpa + bytes).as("0x%x", info).isTrue();
            assertThat(info + 0x7000 <= 0x9_FC00 || info >= MIB).as("0x%x", info).isTrue();
            assertThat(ram.u8(gpa)).isEqualTo(0xA0);
            assertThat(ram.string(ram.i32(info + 16))).endsWith("quiet");
            long module = ram.i32(ram.i32(info + 24));
            assertThat(info + 0x7000 <= module || info >= module + 9).isTrue();
        }
    }

    @Test
    void aMultibootGuestFindsAcpiTables() throws Exception {
        load(Images.multibootElf(0x10_0000), "");
        assertThat(ram.string(0xE_0000)).startsWith("RSD PTR ");
        load(Images.multibootElf(0xE_0000), "");
        assertThat(ram.u8(0xE_0000)).as("unless it lies there itself").isEqualTo(0xA0);
    }

    /** Xen computes where its start-up code goes from these two words, and spun without them. */
    @Test
    void everyGuestFindsTheEndOfConventionalMemory() throws Exception {
        for (byte[] image :
                List.of(
                        Images.multibootElf(0x10_0000),
                        Images.bzImage(),
                        Images.bzImage32(0x20F),
                        Images.pvh(),
                        new byte[] {(byte) 0xFA, (byte) 0xF4})) {
            ram = new ArrayRam(64 * MIB);
            load(image, "");
            assertThat(ram.i32(0x40E) & 0xFFFF).as("extended area, segment").isEqualTo(0x9FC0);
            assertThat(ram.i32(0x413) & 0xFFFF).as("KiB").isEqualTo(639);
            assertThat(ram.i32(0x400) & 0xFFFF).as("serial port").isEqualTo(0x3F8);
            assertThat(ram.u8(0x9_FC00)).as("KiB of the extended area").isEqualTo(1);
        }
        load(Images.multibootElf(0x400), "");
        assertThat(ram.u8(0x400)).as("an image that lies there keeps its bytes").isEqualTo(0xA0);
    }

    // ---- PVH

    @Test
    void aPvhElfGetsItsStartInfo() throws Exception {
        Path initrd = file("initrd", new byte[] {7, 8, 9});
        load(Images.pvh(), "console=ttyS0", initrd);
        assertThat(v.rip).isEqualTo(0x100_0008);
        assertThat(ram.u8(0x100_0000)).isEqualTo(0xA0);
        assertThat(v.codeBits).isEqualTo(32);
        assertThat(v.cr0 & 0x8000_0000L).isZero();
        long info = v.gpr[3];
        assertThat(ram.i32(info)).isEqualTo(Pvh.START_MAGIC);
        assertThat(ram.i32(info + 4)).as("version").isEqualTo(1);
        assertThat(ram.i32(info + 12)).as("modules").isEqualTo(1);
        long module = ram.i64(info + 16);
        assertThat(ram.u8(ram.i64(module) + 2)).isEqualTo(9);
        assertThat(ram.i64(module + 8)).isEqualTo(3);
        assertThat(ram.string(ram.i64(info + 24))).isEqualTo("console=ttyS0");
        assertThat(ram.string(ram.i64(info + 32))).startsWith("RSD PTR ");
        long map = ram.i64(info + 40);
        assertThat(ram.i32(info + 48)).isEqualTo(4);
        assertThat(ram.i64(map + 8)).isEqualTo(0x9FC00);
        assertThat(ram.i32(map + 16)).isEqualTo(1);
    }

    @Test
    void damagedPvhImagesAreRefused() throws Exception {
        byte[] good = Images.pvh();
        refused(Images.with32(good, 0x11C, 17), "neither a multiboot");
        refused(Images.with32(good, 0x118, 0x7000_0000), "neither a multiboot");
        refused(Images.with32(good, 0x124, 0x7000_0000), "entry point 0x70000000");
        refused(Images.with32(good, 96, 0x4000), "truncated");
        refused(Images.with32(good, 104, 8), "0x10 bytes in the file and 0x8 in memory");
        refused(Images.with32(good, 32, 0x7FFF_FFF0), "program headers");
        refused(Images.with32(good, 88, 0x7000_0000), "segment 0x70000000", "outside RAM");
        refused(Images.with32(good, 88, 0xE_0000), "ACPI");
        refused(Images.with16(good, 18, 183), "machine 183");
        refused(Arrays.copyOf(good, 60), "cut off");
    }

    @Test
    void theAddressFieldsAreObeyed() throws Exception {
        load(Images.kludge(0x20_0000), "");
        assertThat(v.rip).isEqualTo(0x20_0040);
        assertThat(ram.u8(0x20_0040)).isEqualTo(0xF4);
    }

    @Test
    void damagedMultibootImagesAreRefused() throws Exception {
        refused(Images.multibootElf(0x800_0000), "segment 0x8000000", "outside RAM");
        refused(Images.multibootElf(-16), "outside RAM");
        refused(Arrays.copyOf(Images.multibootElf(0x10_0000), 0x104), "truncated");
        refused(Images.with32(Images.multibootElf(0x10_0000), 28, 0x7FFF_FFF0), "program headers");
        refused(
                Images.with32(Images.multibootElf(0x10_0000), 24, 0x7000_0000),
                "entry point 0x70000000");
        refused(Images.with16(Images.multibootElf(0x10_0000), 18, 40), "x86 ELF");
        refused(Images.with32(Images.kludge(0x20_0000), 36, 0x20_0200), "truncated");
        byte[] elf = Images.multibootElf(0x10_0000);
        refused(
                Images.with32(elf, 0x80, 0),
                "neither a multiboot (version 1) header",
                "XEN_ELFNOTE_PHYS32_ENTRY");
    }

    @Test
    void aModuleLargerThanRamIsRefused() throws Exception {
        ram = new ArrayRam(4 * MIB);
        Path big = file("big.mod", new byte[4 * MIB]);
        assertThatThrownBy(() -> load(Images.multibootElf(0x10_0000), "", big))
                .isInstanceOf(MachineException.class)
                .hasMessageContainingAll("big.mod", "does not fit");
    }

    // ---- bzImage

    @Test
    void aBzImageStartsIn64BitMode() throws Exception {
        Path initrd = file("initrd", new byte[] {1, 2, 3});
        load(Images.bzImage(), "console=ttyS0", initrd);
        assertThat(v.rip).isEqualTo(Images.KERNEL_GPA + 0x200);
        assertThat(ram.u8(v.rip)).isEqualTo(0x90);
        assertThat(v.codeBits).isEqualTo(64);
        assertThat(v.longMode()).isTrue();
        assertThat(v.segSel[Segments.CS]).isEqualTo(0x10);
        assertThat(v.segSel[Segments.DS]).isEqualTo(0x18);
        long zero = v.gpr[6];
        assertThat(ram.i32(zero + BzImage.HEADER)).isEqualTo(BzImage.MAGIC_HEADER);
        assertThat(ram.u8(zero + BzImage.TYPE_OF_LOADER)).isEqualTo(0xFF);
        assertThat(ram.string(ram.i32(zero + BzImage.CMD_LINE_PTR))).isEqualTo("console=ttyS0");
        assertThat(ram.i32(zero + BzImage.RAMDISK_SIZE)).isEqualTo(3);
        int at = ram.i32(zero + BzImage.RAMDISK_IMAGE);
        assertThat(at).isEqualTo(64 * MIB - 4096);
        assertThat(ram.u8(at + 2)).isEqualTo(3);
        assertThat(ram.u8(zero + BzImage.E820_ENTRIES)).isEqualTo(4);
        assertThat(ram.i64(zero + BzImage.E820_TABLE + 3 * 20)).isEqualTo(MIB);
        assertThat(ram.i64(zero + BzImage.E820_TABLE + 3 * 20 + 8)).isEqualTo(63 * MIB);
    }

    /** Relocatable kernels go where they prefer, others to 1 MiB; older headers say less. */
    @ParameterizedTest
    @ValueSource(ints = {0x202, 0x203, 0x204, 0x206, 0x20A, 0x20C, 0x20F})
    void a32BitBzImageStartsInProtectedMode(int version) throws Exception {
        load(Images.bzImage32(version), "quiet", file("initrd", new byte[] {1, 2, 3}));
        assertThat(v.rip).isEqualTo(version < 0x20A ? MIB : Images.KERNEL_GPA);
        assertThat(ram.u8(v.rip)).isEqualTo(0x90);
        assertThat(v.codeBits).isEqualTo(32);
        assertThat(v.cr0 & 0x8000_0000L).isZero();
        assertThat(v.segSel[Segments.CS]).isEqualTo(0x10);
        assertThat(v.segSel[Segments.DS]).isEqualTo(0x18);
        assertThat(ram.i64(v.gdtBase + 0x10) >>> 48 & 0xF0).as("a 32-bit segment").isEqualTo(0xC0);
        assertThat(v.gpr[3] | v.gpr[5] | v.gpr[7]).isZero();
        long zero = v.gpr[6];
        assertThat(ram.i32(zero + BzImage.RAMDISK_SIZE)).isEqualTo(3);
        assertThat(ram.string(ram.i32(zero + BzImage.CMD_LINE_PTR))).isEqualTo("quiet");
        Path image = file("image", Images.bzImage32(version));
        if (version < 0x206) {
            assertThatThrownBy(() -> load(image, 1, "x".repeat(256)))
                    .hasMessageContaining("at most 255");
        }
    }

    @Test
    void ramBeyondTheHoleIsReported() throws Exception {
        ram = new ArrayRam(5L << 30);
        load(Images.bzImage(), "");
        long last = v.gpr[6] + BzImage.E820_TABLE + 4 * 20;
        assertThat(ram.i64(last)).isEqualTo(4L << 30);
        assertThat(ram.i64(last + 8)).isEqualTo(2L << 30);
    }

    @Test
    void theFirst4GibAreMappedToThemselves() throws Exception {
        load(Images.bzImage(), "");
        long pdpt = ram.i64(v.cr3) & ~0xFFFL;
        for (long lin : new long[] {0, 0x1234_5678L, 0xFFFF_FFFFL}) {
            long directory = ram.i64(pdpt + (lin >>> 30) * 8) & ~0xFFFL;
            long entry = ram.i64(directory + (lin >>> 21 & 511) * 8);
            assertThat(entry).isEqualTo(lin & -(2L << 20) | 0x83);
        }
    }

    @Test
    void theAcpiTablesAreFoundAndAddUp() throws Exception {
        load(Images.bzImage(), "");
        long rsdp = ram.i64(v.gpr[6] + BzImage.ACPI_RSDP_ADDR);
        assertThat(ram.string(rsdp)).startsWith("RSD PTR ");
        assertThat(ram.sum(rsdp, 20)).isZero();
        assertThat(ram.sum(rsdp, 36)).isZero();
        long xsdt = ram.i64(rsdp + 24);
        assertThat(ram.sum(xsdt, ram.i32(xsdt + 4))).isZero();
        long fadt = ram.i64(xsdt + 36);
        long madt = ram.i64(xsdt + 44);
        long dsdt = ram.i64(fadt + 140);
        for (long t : new long[] {fadt, madt, dsdt}) {
            assertThat(ram.sum(t, ram.i32(t + 4))).isZero();
        }
        assertThat(ram.i32(fadt + 76)).isEqualTo(0x608);
        assertThat(ram.string(dsdt + 37)).startsWith("_S5_");
    }

    @Test
    void damagedKernelsAreRefused() throws Exception {
        byte[] good = Images.bzImage();
        refused(Arrays.copyOf(good, 3000), "truncated bzImage");
        refused(Arrays.copyOf(good, 0x220), "truncated bzImage");
        refused(Images.with16(good, BzImage.VERSION, 0x201), "2.01 is too old");
        refused(Images.with16(good, BzImage.XLOADFLAGS, 0), "no 32-bit entry point", "BIOS");
        refused(Images.with32(good, BzImage.PREF_ADDRESS, 0x7000_0000), "needs RAM at 0x70000000");
        refused(Images.with32(good, BzImage.INIT_SIZE, 0x7000_0000), "needs RAM");
    }

    @Test
    void whatAKernelCannotGetIsSaid() throws Exception {
        Path image = file("image", Images.bzImage());
        assertThatThrownBy(() -> load(image, 1, "", image, image))
                .hasMessageContaining("one initrd, not 2");
        assertThatThrownBy(() -> load(image, 1, "x".repeat(3000)))
                .hasMessageContaining("3000 bytes");
        ram = new ArrayRam(18 * MIB);
        Path big = file("big.img", new byte[2 * MIB]);
        assertThatThrownBy(() -> load(image, 1, "", big))
                .hasMessageContainingAll("big.img", "does not fit");
    }

    /**
     * Truncation anywhere and flipped header bits give a MachineException or a load, never anything
     * else.
     */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
    void damageNeverThrowsAnythingElse(int seed) throws Exception {
        java.util.Random random = new java.util.Random(seed);
        for (int i = 0; i < 100; i++) {
            byte[] image =
                    switch (random.nextInt(6)) {
                        case 0 -> Images.bzImage();
                        case 1 -> Images.multibootElf(0x10_0000);
                        case 2 -> Images.bzImage32(0x202 + random.nextInt(14));
                        case 3 -> Images.pvh();
                        case 4 -> FuzzSeeds.multiboot64();
                        default -> Images.kludge(0x20_0000);
                    };
            for (int k = random.nextInt(4); k > 0; k--) {
                image[random.nextInt(Math.min(image.length, 0x270))] = (byte) random.nextInt();
            }
            if (random.nextBoolean()) {
                image = Arrays.copyOf(image, 1 + random.nextInt(image.length));
            }
            try {
                load(image, "");
            } catch (MachineException e) {
                assertThat(e.getMessage()).isNotBlank();
            }
        }
    }
}
