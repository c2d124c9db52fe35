// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The generated sources are what the generator writes, apart from formatting. */
class GeneratedSourcesTest {
    @Test
    void sourcesAreUpToDate() throws IOException {
        for (Map.Entry<String, String> e : SourceGenerator.sources().entrySet()) {
            assertEquals(
                    squeeze(e.getValue()),
                    squeeze(Files.readString(SourceGenerator.directory().resolve(e.getKey()))),
                    e.getKey()
                            + " is stale: run the main method of SourceGenerator (test sources) in"
                            + " the bundle's directory");
        }
    }

    private static String squeeze(String s) {
        return s.replaceAll("\\s+", "").replace("*/", "").replace("*", "");
    }
}
