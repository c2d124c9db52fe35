// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.unix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.faultline.api.platform.CodeMemory;
import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemoryException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** What the kernel has of memory for code, beside the contract. */
@EnabledOnOs(OS.LINUX)
class UnixCodeTest {
    private final UnixHostMemory memory = new UnixHostMemory(Abi.LINUX);

    /** Mappings of memory for code: address range, rights and so on. */
    private static List<String> mappings() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/maps")).stream()
                .filter(m -> m.contains("/memfd:" + UnixCode.NAME))
                .toList();
    }

    private static List<String> openFiles() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
            return files.map(UnixCodeTest::target).filter(f -> f.contains(UnixCode.NAME)).toList();
        }
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) {
            return ""; // closed since it was listed
        }
    }

    private static String range(long hva, long size) {
        return "%x-%x ".formatted(hva, hva + size);
    }

    @Test
    void noAddressIsWritableAndExecutableAndNoFileStaysOpen() throws IOException {
        assertThat(mappings()).isEmpty();
        try (CodeMemory c = memory.code(3L * memory.pageSize())) {
            assertThat(mappings())
                    .hasSize(2)
                    .anyMatch(m -> m.startsWith(range(c.writable(), c.size()) + "rw-s"))
                    .anyMatch(m -> m.startsWith(range(c.executable(), c.size()) + "r-xs"));
            assertThat(openFiles()).isEmpty();
        }
        assertThat(mappings()).isEmpty();
    }

    @Test
    void closingOneLeavesTheOthers() throws IOException {
        CodeMemory first = memory.code(1);
        CodeMemory second = memory.code(1);
        first.close();
        assertThat(mappings()).hasSize(2);
        first.close();
        assertThat(mappings()).hasSize(2);
        second.close();
        assertThat(mappings()).isEmpty();
    }

    /** Two views of 2^46 bytes do not fit into an address space of 47 bits. */
    @Test
    void ifOneViewCannotBeMappedNothingStays() throws IOException {
        assumeThat(System.getProperty("os.arch")).isEqualTo("amd64");

        HostMemoryException e =
                catchThrowableOfType(HostMemoryException.class, () -> memory.code(1L << 46));

        assertThat(e).isNotNull();
        assertThat(e.error()).isEqualTo(HostError.NO_MEMORY);
        assertThat(e)
                .hasMessageContaining("0x400000000000")
                .hasMessageContaining("mmap")
                .hasMessageContaining("errno 12");
        assertThat(mappings()).isEmpty();
        assertThat(openFiles()).isEmpty();
    }

    @Test
    void aRefusalNamesCallAndNumberAndWhatToDo() {
        HostMemoryException e =
                memory.failure("code, mmap PROT_READ|PROT_EXEC", 13, UnixCode.EXECUTION_REFUSED);
        assertThat(e.error()).isEqualTo(HostError.DENIED);
        assertThat(e)
                .hasMessageContaining("PROT_EXEC: errno 13: SELinux")
                .hasMessageContaining("allow it");
        // What is no refusal has another reason.
        assertThat(memory.failure("code, mmap", 12, UnixCode.EXECUTION_REFUSED))
                .hasMessageEndingWith("errno 12");
        assertThat(memory.failure("code, memfd_create", 38, UnixCode.FILE_REFUSED))
                .hasMessageContaining("memfd_create: errno 38: vm.memfd_noexec");
    }
}
