// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;

/** What the host's objdump makes of bytes. */
final class Objdump {
    /** Line of its output, with single spaces, without comment and symbol. */
    record Line(long address, int length, String text) {}

    private Objdump() {}

    /** Whether there is one. */
    static boolean exists() {
        try {
            Process p = new ProcessBuilder("objdump", "--version").start();
            p.getInputStream().readAllBytes();
            return p.waitFor() == 0;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    static void run(byte[] code, int codeBits, long address, Consumer<Line> lines)
            throws IOException {
        Path file = Files.createTempFile("disassembly", ".bin");
        try {
            Files.write(file, code);
            Process p =
                    new ProcessBuilder(
                                    "objdump",
                                    "-D",
                                    "-z",
                                    "-w",
                                    "-b",
                                    "binary",
                                    "-m",
                                    machine(codeBits),
                                    "-M",
                                    "intel,intel64",
                                    "--adjust-vma=" + address,
                                    file.toString())
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            try (BufferedReader r =
                    new BufferedReader(
                            new InputStreamReader(p.getInputStream(), StandardCharsets.US_ASCII))) {
                for (String s = r.readLine(); s != null; s = r.readLine()) {
                    Line line = parsed(s);
                    if (line != null) {
                        lines.accept(line);
                    }
                }
            }
            if (p.waitFor() != 0) {
                throw new IOException("objdump failed: " + p.exitValue());
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        } finally {
            Files.delete(file);
        }
    }

    private static String machine(int codeBits) {
        return codeBits == 16 ? "i8086" : codeBits == 32 ? "i386" : "i386:x86-64";
    }

    /** Address, bytes and text are separated by tabs. */
    private static Line parsed(String line) {
        String[] columns = line.split("\t");
        if (columns.length < 3 || !columns[0].endsWith(":")) {
            return null;
        }
        String address = columns[0].strip();
        return new Line(
                Long.parseUnsignedLong(address.substring(0, address.length() - 1), 16),
                columns[1].strip().split(" ").length,
                text(columns[2]));
    }

    private static String text(String t) {
        return t.replaceAll("#.*|<[^>]*>", "").strip().replaceAll("\\s+", " ");
    }
}
