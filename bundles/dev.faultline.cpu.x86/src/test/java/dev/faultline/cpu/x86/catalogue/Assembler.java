// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.catalogue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The host's assembler and disassembler. Where an instruction has several encodings, the bytes of a
 * vector may be another one than the assembler's: they are the same if both disassemble to the same
 * text.
 */
final class Assembler {
    private static final Pattern BYTES = Pattern.compile("(?:[0-9a-f]{2} )+");

    private final Path directory;

    Assembler(Path directory) {
        this.directory = directory;
    }

    /** Why there is none; null: there is one. */
    static String missing() {
        for (String tool : List.of("as", "objdump")) {
            try {
                Process p =
                        new ProcessBuilder(tool, "--version")
                                .redirectErrorStream(true)
                                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                                .start();
                if (p.waitFor() != 0) {
                    return tool + " does not run";
                }
            } catch (IOException e) {
                return tool + " is not installed";
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return "interrupted";
            }
        }
        return System.getProperty("os.arch").equals("amd64") ? null : "the assembler is not x86's";
    }

    /** The vectors whose bytes are not what their text says, with what the assembler says. */
    List<String> wrong(List<Vector> vectors) throws IOException {
        StringBuilder texts = new StringBuilder(".intel_syntax noprefix\n");
        StringBuilder bytes = new StringBuilder();
        for (Vector v : vectors) {
            texts.append(".p2align 4\n").append(v.assembly()).append("\n");
            bytes.append(".p2align 4\n.byte 0x").append(v.hex().replace(" ", ",0x")).append("\n");
        }
        List<String> fromText = disassembled("text", texts.toString());
        List<String> fromBytes = disassembled("bytes", bytes.toString());
        List<String> wrong = new ArrayList<>();
        for (int i = 0; i < vectors.size(); i++) {
            String text = fromText.get(i);
            if (!withoutBytes(text).equals(withoutBytes(fromBytes.get(i)))) {
                wrong.add(vectors.get(i) + ": the assembler makes " + text);
            }
        }
        return wrong;
    }

    private static String withoutBytes(String line) {
        return BYTES.matcher(line).replaceFirst("").strip();
    }

    /** The first instruction of each 16 bytes, as "12 34 text". */
    private List<String> disassembled(String name, String source) throws IOException {
        Path file = directory.resolve(name + ".s");
        Path object = directory.resolve(name + ".o");
        Files.writeString(file, source);
        tool("as", "-o", object.toString(), file.toString());
        List<String> first = new ArrayList<>();
        Pattern line = Pattern.compile("\\s*([0-9a-f]+):\\t(.*)");
        for (String l : tool("objdump", "-dwz", "-M", "intel", object.toString()).split("\n")) {
            Matcher m = line.matcher(l);
            if (m.matches() && Integer.parseInt(m.group(1), 16) == 16 * first.size()) {
                first.add(m.group(2).replace('\t', ' '));
            }
        }
        return first;
    }

    private static String tool(String... command) throws IOException {
        Process p = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (p.waitFor() != 0) {
                throw new UncheckedIOException(new IOException(command[0] + ": " + said));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
        return said;
    }
}
