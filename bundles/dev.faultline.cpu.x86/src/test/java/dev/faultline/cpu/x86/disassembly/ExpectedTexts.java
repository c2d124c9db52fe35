// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.isa.InstructionTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/** A list of encodings and what objdump makes of them. Its head explains the format. */
final class ExpectedTexts {
    /** Where the first byte of each stands. */
    static final long ADDRESS = 0x1000;

    private static final HexFormat HEX = HexFormat.ofDelimiter(" ");

    private ExpectedTexts() {}

    /** One line. */
    record Expected(int codeBits, byte[] code, String text) {
        static Expected of(String line) {
            String[] c = line.split("\\|", 3);
            byte[] code = HEX.parseHex(c[1].strip());
            return new Expected(Integer.parseInt(c[0].strip()), code, c[2].strip());
        }

        /** What must not be read stands behind it. */
        byte[] padded() {
            byte[] b = Arrays.copyOf(code, Decoder.MAX_LENGTH);
            Arrays.fill(b, code.length, b.length, (byte) 0x90);
            return b;
        }

        @Override
        public String toString() {
            return "%d | %s | %s".formatted(codeBits, HEX.formatHex(code), text);
        }
    }

    /** Of the committed list. */
    static List<Expected> all() {
        return InstructionTable.lines(ExpectedTexts.class, "expected.list").stream()
                .map(Expected::of)
                .toList();
    }

    static boolean isExpectation(String line) {
        return !line.isBlank() && !line.startsWith("#");
    }

    /** Writes the texts that are not there yet, as the host's objdump has them. */
    static void write(Path list) throws IOException {
        List<String> lines = new ArrayList<>();
        for (String line : Files.readAllLines(list)) {
            boolean wanted = isExpectation(line) && Expected.of(line).text.isEmpty();
            lines.add(wanted ? objdump(Expected.of(line)).toString() : line);
        }
        Files.write(list, lines);
    }

    private static Expected objdump(Expected e) throws IOException {
        List<Objdump.Line> found = new ArrayList<>();
        Objdump.run(e.padded(), e.codeBits, ADDRESS, found::add);
        Objdump.Line first = found.getFirst();
        return new Expected(e.codeBits, Arrays.copyOf(e.code, first.length()), first.text());
    }
}
