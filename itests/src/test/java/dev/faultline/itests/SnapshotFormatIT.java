// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.device.StateSection;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What docs/snapshot-format.md says of a machine's state and RAM is what a machine has. */
class SnapshotFormatIT {
    private static final Path DOCUMENT = Path.of("../docs/snapshot-format.md");

    private static Typed platform;

    @BeforeAll
    static void boot() throws Exception {
        platform = new Typed();
    }

    @AfterAll
    static void stop() {
        platform.close();
    }

    private static Machine machine(long bytes) throws Exception {
        return platform.service(MachineFactory.class)
                .create(new MachineConfig("format", bytes, 2, "", "", List.of()));
    }

    /** The row of a section, or for a vCPU the whole of its table. */
    private static String about(String document, String section) {
        String name = section.replaceAll("^(vcpu|lapic)[0-9]+$", "$1N");
        int row = document.indexOf("\n| `" + name + "` | ");
        assertThat(row).as("section %s is not described", name).isPositive();
        String line = document.substring(row + 1, document.indexOf('\n', row + 1));
        int keys = document.indexOf("Keys of `" + name + "`");
        return keys < 0 ? line : line + document.substring(keys, document.indexOf("\n## ", keys));
    }

    @Test
    void everySectionItsVersionAndItsKeysAreDescribed() throws Exception {
        String document = Files.readString(DOCUMENT);
        List<String> missing = new ArrayList<>();
        try (Machine m = machine(64 << 20)) {
            for (StateSection s : m.saveState()) {
                String text = about(document, s.id());
                if (!text.contains("` | " + s.version() + " | ")) {
                    missing.add("%s is of version %d".formatted(s.id(), s.version()));
                }
                for (String key : s.values().keySet()) {
                    boolean series =
                            key.equals("counter1") && text.contains("`counter0` to `counter2`");
                    if (!text.contains("`" + key + "`") && !series) {
                        missing.add(s.id() + "." + key);
                    }
                }
            }
        }
        assertThat(missing).as("to be described in %s", DOCUMENT).isEmpty();
    }

    @Test
    void ramIsWhereTheDocumentSays() throws Exception {
        long gib = 1L << 30;
        try (Machine m = machine(4 * gib)) {
            List<RamBlock> blocks = m.memory().blocks();
            assertThat(blocks).extracting(RamBlock::name).containsExactly("ram");
            long hva = blocks.getFirst().hva();
            assertThat(m.memory().slots())
                    .filteredOn(s -> s.block() == blocks.getFirst())
                    .extracting(MemorySlot::gpa, MemorySlot::size, s -> s.hva() - hva)
                    .containsExactlyInAnyOrder(
                            org.assertj.core.groups.Tuple.tuple(0L, 3 * gib, 0L),
                            org.assertj.core.groups.Tuple.tuple(4 * gib, gib, 3 * gib));
        }
        assertThat(Files.readString(DOCUMENT)).contains("page 0xC0000 at 0x1_0000_0000");
    }
}
