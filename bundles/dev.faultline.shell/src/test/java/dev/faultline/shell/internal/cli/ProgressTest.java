// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class ProgressTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);

    private long now;

    private String text() {
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    void aTerminalGetsABarThatEndsItsLine() {
        try (Progress p = new Progress(err, true, () -> now)) {
            p.done("saving", 0.5);
            p.done("saving", 0.501);
            p.done("saving", 1);
        }
        assertThat(text())
                .isEqualTo(
                        "\rsaving ["
                                + "#".repeat(20)
                                + ".".repeat(20)
                                + "]  50 %"
                                + "\rsaving ["
                                + "#".repeat(40)
                                + "] 100 %"
                                + System.lineSeparator());
    }

    @Test
    void aBarThatWasCutShortLeavesTheNextLineAlone() {
        try (Progress p = new Progress(err, true, () -> now)) {
            p.done("saving", 0.25);
        }
        assertThat(text()).endsWith("25 %" + System.lineSeparator());
    }

    @Test
    void withoutATerminalThereIsNoBar() {
        try (Progress p = new Progress(err, false, () -> now)) {
            p.say("a step");
            p.done("saving", 0.25);
            now = 1_999_999_999;
            p.done("saving", 0.5);
            assertThat(text()).isEqualTo("a step" + System.lineSeparator());
            now = 2_000_000_000;
            p.done("saving", 0.75);
        }
        assertThat(text().lines()).containsExactly("a step", "saving: 75 %");
    }
}
