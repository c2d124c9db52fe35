// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The terminal of the interactive shell: as it was before. The shell's line editor restores it when
 * a person leaves, but not when the framework is stopped under it by a signal: its thread ends with
 * the process.
 */
final class ShellTerminal {
    private static final long STTY_SECONDS = 5;

    /** Out of the line editor's modes: bracketed paste, application cursor keys and keypad. */
    private static final String LEAVE = "\u001B[?2004l\u001B[?1l\u001B>";

    /** Null: there is no terminal, or its settings cannot be told. */
    private final @Nullable String settings;

    /** It controlled this process when it was noted. */
    private final boolean controlled;

    private ShellTerminal(@Nullable String settings, boolean controlled) {
        this.settings = settings;
        this.controlled = controlled;
    }

    /** Notes how it is, if there is one. Before anything starts, so that its going is seen. */
    static ShellTerminal note() {
        boolean there = System.console() != null && System.console().isTerminal();
        return new ShellTerminal(there ? stty(List.of("-g")) : null, controls());
    }

    /** Whether it controlled this process and is gone. Never on Windows. */
    boolean isGone() {
        return controlled && !controls();
    }

    private static boolean controls() {
        try (InputStream in = Files.newInputStream(Path.of("/dev/tty"))) {
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /** As it was noted; may be called again. */
    void restore() {
        if (settings != null) {
            System.err.print(LEAVE);
            System.err.flush();
            stty(List.of(settings));
        }
    }

    /** Null if this host's stty does not work on the terminal. */
    private static @Nullable String stty(List<String> arguments) {
        List<String> command = new ArrayList<>(List.of("stty"));
        command.addAll(arguments);
        try {
            Process p =
                    new ProcessBuilder(command)
                            .redirectInput(ProcessBuilder.Redirect.INHERIT)
                            .redirectError(ProcessBuilder.Redirect.DISCARD)
                            .start();
            byte[] said = p.getInputStream().readAllBytes();
            return p.waitFor(STTY_SECONDS, TimeUnit.SECONDS) && p.exitValue() == 0
                    ? new String(said, StandardCharsets.US_ASCII).strip()
                    : null;
        } catch (IOException e) {
            return null;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return null;
        }
    }
}
