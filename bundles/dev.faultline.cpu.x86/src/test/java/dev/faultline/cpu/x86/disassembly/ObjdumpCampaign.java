// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import dev.faultline.cpu.x86.oracle.OracleCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Compares with the host's objdump: every line of the table, the oracle's vectors, the catalogue,
 * and the section .text of files. {@code --write LIST} writes the expected texts that a list is
 * without.
 */
public final class ObjdumpCampaign {
    private static final int[] MODES = {64, 32, 16};
    private static final Pattern CATALOGUED = Pattern.compile("` = `([0-9A-F ]+)`");

    private long different;

    private ObjdumpCampaign() {}

    /** Arguments: --forms, --vectors FILE, --catalogue FOLDER, --write LIST, or an ELF file. */
    public static void main(String[] args) throws IOException {
        if (!Objdump.exists()) {
            System.err.println("disassembler: this host has no objdump");
            System.exit(1);
        }
        ObjdumpCampaign c = new ObjdumpCampaign();
        for (int i = 0; i < args.length; i++) {
            switch (args[i]) {
                case "--forms" -> c.forms();
                case "--vectors" -> c.vectors(Path.of(args[++i]));
                case "--catalogue" -> c.catalogue(Path.of(args[++i]));
                case "--write" -> ExpectedTexts.write(Path.of(args[++i]));
                default -> c.text(Path.of(args[i]));
            }
        }
        System.exit(c.different == 0 ? 0 : 1);
    }

    private void forms() throws IOException {
        for (int bits : MODES) {
            slots("%d-bit forms of the table's lines".formatted(bits), Forms.of(bits));
        }
    }

    private void vectors(Path file) throws IOException {
        OracleCode o = OracleCode.read(file);
        slots("%d-bit vectors of the oracle".formatted(o.mode()), o.code(), o.mode());
    }

    private void catalogue(Path folder) throws IOException {
        try (Stream<Path> pages = Files.list(folder)) {
            List<byte[]> code = pages.sorted().flatMap(ObjdumpCampaign::page).toList();
            slots("catalogue", code, 64);
        }
    }

    private static Stream<byte[]> page(Path file) {
        try {
            Matcher m = CATALOGUED.matcher(Files.readString(file));
            return m.results().map(r -> HexFormat.ofDelimiter(" ").parseHex(r.group(1)));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private void slots(String what, List<byte[]> code, int bits) throws IOException {
        Slots s = new Slots(bits);
        long without = code.stream().filter(c -> !s.add(c, d -> true)).count();
        slots("%s (%,d without a line)".formatted(what, without), s);
    }

    private void slots(String what, Slots s) throws IOException {
        Comparison c = new Comparison(System.out);
        c.slots(s);
        end(what, c);
    }

    private void text(Path file) throws IOException {
        ElfText text;
        try {
            text = ElfText.read(file);
        } catch (IOException e) {
            System.out.println("skipped " + file + ": " + e.getMessage());
            return;
        }
        Comparison c = new Comparison(System.out);
        c.all(text.code(), 64, text.address());
        end(file.toString(), c);
    }

    private void end(String what, Comparison c) {
        c.print(what);
        different += c.different;
    }
}
