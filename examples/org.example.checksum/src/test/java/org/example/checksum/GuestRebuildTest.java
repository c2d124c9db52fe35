// SPDX-License-Identifier: Apache-2.0
package org.example.checksum;

import dev.faultline.testkit.GuestRebuild;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The committed guest is what its committed source gives. */
class GuestRebuildTest {
    @TempDir Path directory;

    @Test
    void theGuestIsWhatItsSourceGives() throws Exception {
        new GuestRebuild(directory)
                .compare(
                        Path.of("src/test/guest/build.sh"),
                        Path.of("src/test/resources/guest"),
                        "probe.elf");
    }
}
