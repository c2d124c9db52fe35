// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.cpu.Segments;
import dev.faultline.api.cpu.VcpuContext;
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
    // ---------------------------------------------------------------------------------------------------------

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

    // ---- flat
    // ----------------------------------------------------------------------------------------------------------

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
    // -----------------------------------------------------------------------------------------------------

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
        refused(Images.multibootElf(0x9000), "overlaps the boot information");
        refused(Arrays.copyOf(Images.multibootElf(0x10_0000), 0x104), "truncated");
        refused(Images.with32(Images.multibootElf(0x10_0000), 28, 0x7FFF_FFF0), "program headers");
        refused(
                Images.with32(Images.multibootElf(0x10_0000), 24, 0x7000_0000),
                "entry point 0x70000000");
        refused(Images.with16(Images.multibootElf(0x10_0000), 18, 40), "x86 ELF");
        refused(Images.with32(Images.kludge(0x20_0000), 36, 0x20_0200), "truncated");
        byte[] elf = Images.multibootElf(0x10_0000);
        refused(Images.with32(elf, 0x80, 0), "without a multiboot");
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
    // -------------------------------------------------------------------------------------------------------

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
        refused(Images.with16(good, BzImage.VERSION, 0x20A), "2.10 is too old");
        refused(Images.with16(good, BzImage.XLOADFLAGS, 0), "32-bit Linux kernel");
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
                    switch (random.nextInt(3)) {
                        case 0 -> Images.bzImage();
                        case 1 -> Images.multibootElf(0x10_0000);
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
