// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

import dev.faultline.testkit.GuestRebuild;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The committed embedded guest is what its committed source gives. */
class GuestRebuildTest {
    @TempDir Path directory;

    @Test
    void embeddedGuestIsWhatItsSourceGives() throws Exception {
        new GuestRebuild(directory)
                .compare(
                        Path.of("src/main/guest/build.sh"),
                        Path.of("src/main/resources/guest"),
                        "keyed.elf");
    }
}
