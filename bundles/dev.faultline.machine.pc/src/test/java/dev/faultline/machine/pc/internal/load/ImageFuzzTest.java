// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import dev.faultline.testkit.Fuzz;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ImageFuzzTest {
    @Test
    void theLoaderHolds() throws Exception {
        Fuzz.run(
                ImageFuzz::fuzzerTestOneInput,
                FuzzSeeds.of(),
                Path.of("src/test/resources/fuzz/Image"),
                Integer.getInteger("faultline.fuzz", 2000));
    }
}
