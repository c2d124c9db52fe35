// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/**
 * The file of {@code --json} when the command line, which writes it, did not come to run. Its keys
 * are those of every command: {@code exit} and {@code error}.
 */
final class ErrorFile {
    private static final String OPTION = "--json";

    private ErrorFile() {}

    /** Writes it if the arguments ask for one; a failure is one more line on standard error. */
    static void write(String[] args, int code, String error) {
        String name = null;
        for (int i = 0; i < args.length; i++) {
            if (args[i].equals(OPTION) && i + 1 < args.length) {
                name = args[i + 1];
            } else if (args[i].startsWith(OPTION + "=")) {
                name = args[i].substring(OPTION.length() + 1);
            }
        }
        if (name == null || name.isEmpty() || name.startsWith("-")) {
            return;
        }
        try {
            Files.writeString(Path.of(name), content(code, error));
        } catch (IOException | InvalidPathException e) {
            System.err.println("faultline: " + OPTION + " cannot be written: " + e.getMessage());
        }
    }

    static String content(int code, String error) {
        String text = quoted(error);
        return "{\n  \"exit\" : {\n    \"code\" : %d,\n    \"reason\" : %s\n  },\n  \"error\" : %s\n}\n"
                .formatted(code, text, text);
    }

    /** A string of JSON (RFC 8259, "Strings"). */
    private static String quoted(String s) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : s.toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ') {
                out.append("\\u%04x".formatted((int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }
}
