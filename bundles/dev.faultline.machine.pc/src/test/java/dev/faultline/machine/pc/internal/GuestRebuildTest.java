// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.testkit.GuestRebuild;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The committed guests of the tests and of the benchmarks are what their sources give. */
class GuestRebuildTest {
    @TempDir Path directory;

    @Test
    void testGuestsAreWhatTheirSourcesGive() throws Exception {
        new GuestRebuild(directory)
                .compare(
                        Path.of("src/test/guest/build.sh"),
                        Path.of("src/test/resources/guest"),
                        "hello.elf",
                        "triple.elf",
                        "hostile.elf",
                        "smp.elf",
                        "litmus.elf");
    }

    @Test
    void benchmarkGuestIsWhatItsSourceGives() throws Exception {
        Path bench = Path.of("../../bench/src/main");
        new GuestRebuild(directory)
                .compare(
                        bench.resolve("guest/build.sh"),
                        bench.resolve("resources/guest"),
                        "hotloop.elf");
    }
}
