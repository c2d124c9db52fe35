// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class LinePrinterTest {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final LinePrinter printer = new LinePrinter(new PrintStream(out, true));
    private final Consumer<byte[]> one = printer.of(1);
    private final Consumer<byte[]> two = printer.of(2);

    private static byte[] bytes(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void linesAreNotMixed() {
        one.accept(bytes("a"));
        two.accept(bytes("x\ny"));
        one.accept(bytes("b\r\n# "));
        assertThat(out).hasToString("[2] x\n[1] ab\r\n");
        printer.finish();
        printer.finish();
        assertThat(out).hasToString("[2] x\n[1] ab\r\n[1] # \n[2] y\n");
    }

    @Test
    void aLineThatDoesNotEndIsPrintedInParts() {
        one.accept(bytes("z".repeat(10_000)));
        assertThat(out.size()).isEqualTo(2 * (4 + 4096));
    }
}
