// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.bootcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.vm.MachineConfig;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever the guest could notice makes another key, and nothing else does. */
class BootKeyTest {
    private static final List<String> DEVICES = List.of("checksum,size=1", "other");

    @TempDir Path scratch;
    private Path kernel;
    private Path initrd;

    @BeforeEach
    void write() throws IOException {
        kernel = Files.writeString(scratch.resolve("kernel"), "kernel");
        initrd = Files.writeString(scratch.resolve("initrd"), "initrd");
    }

    private static MachineConfig machine(
            String name, long ram, int vcpus, String style, List<String> devices) {
        return new MachineConfig(name, ram, vcpus, "interpreter", style, devices);
    }

    private static MachineConfig machine() {
        return machine("vm", 1 << 20, 1, "coded", DEVICES);
    }

    private String key(Path image, List<Path> modules, String line) throws IOException {
        return key(BootFiles.read(new MachineConfig.Boot(image, modules, line)), machine(), null);
    }

    private static String key(BootFiles files, MachineConfig machine, String when) {
        return BootKey.of("product", 2, files, machine, "interpreter", when).hex();
    }

    private BootFiles files() throws IOException {
        return BootFiles.read(new MachineConfig.Boot(kernel, List.of(initrd), "console=ttyS0"));
    }

    private String usual() throws IOException {
        return key(files(), machine(), null);
    }

    @Test
    void filesCountByTheirContents() throws IOException {
        String usual = usual();
        assertThat(usual).matches("[0-9a-f]{64}");
        assertThat(usual()).isEqualTo(usual);
        Path copy = Files.copy(kernel, scratch.resolve("elsewhere"));
        assertThat(key(copy, List.of(initrd), "console=ttyS0")).isEqualTo(usual);

        Files.writeString(initrd, "Initrd");
        assertThat(usual()).isNotEqualTo(usual);
        Files.writeString(initrd, "initrd");
        assertThat(usual()).isEqualTo(usual);
        Files.writeString(kernel, "kernel ");
        assertThat(usual()).isNotEqualTo(usual);
    }

    /** The same bytes, in another order or cut elsewhere. */
    @Test
    void listsAreNotMixedUp() throws IOException {
        assertThat(
                        List.of(
                                usual(),
                                key(initrd, List.of(kernel), "console=ttyS0"),
                                key(kernel, List.of(), "console=ttyS0"),
                                key(kernel, List.of(initrd, initrd), "console=ttyS0"),
                                key(kernel, List.of(initrd), "console=ttyS0 "),
                                key(kernel, List.of(initrd), ""),
                                key(files(), machine("vm", 1 << 20, 1, "", List.of()), null),
                                key(
                                        files(),
                                        machine(
                                                "vm",
                                                1 << 20,
                                                1,
                                                "",
                                                List.of("checksum,size=1other")),
                                        null)))
                .doesNotHaveDuplicates();
    }

    @Test
    void theMachineAndTheTextCount() throws IOException {
        BootFiles files = files();
        assertThat(
                        List.of(
                                usual(),
                                key(files, machine("vm", 2 << 20, 1, "coded", DEVICES), null),
                                key(files, machine("vm", 1 << 20, 2, "coded", DEVICES), null),
                                key(
                                        files,
                                        machine("vm", 1 << 20, 1, "coded", List.of("other")),
                                        null),
                                key(files, machine(), "# "),
                                key(files, machine(), "$ "),
                                BootKey.of("product", 2, files, machine(), "other", null).hex(),
                                BootKey.of("update", 2, files, machine(), "interpreter", null)
                                        .hex(),
                                BootKey.of("product", 3, files, machine(), "interpreter", null)
                                        .hex()))
                .doesNotHaveDuplicates();
        // Nothing of these is in the guest's machine.
        assertThat(key(files, machine("other", 1 << 20, 1, "thrown", DEVICES), null))
                .isEqualTo(usual());
    }

    /** A multiboot guest is told what its files are called. */
    @Test
    void namesCountForAGuestThatGetsThem() throws IOException {
        byte[] image = new byte[64];
        ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN).putInt(32, 0x1BADB002);
        Path one = Files.write(scratch.resolve("one"), image);
        Path other = Files.write(scratch.resolve("other"), image);
        assertThat(key(one, List.of(), "")).isNotEqualTo(key(other, List.of(), ""));
        Path module = Files.copy(initrd, scratch.resolve("module"));
        assertThat(key(one, List.of(initrd), "")).isNotEqualTo(key(one, List.of(module), ""));
    }

    @Test
    void whatIsNoFileHasNoKey() {
        assertThatThrownBy(() -> key(scratch, List.of(), ""))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("not a regular file");
        assertThatThrownBy(() -> key(scratch.resolve("none"), List.of(), ""))
                .isInstanceOf(NoSuchFileException.class);
    }
}
