// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Tells what a guest says from the echo of what was sent to it: terminals and shells echo the lines
 * that are typed, often more than once, and a text to wait for may stand in one. Any thread.
 *
 * <p>A text is echo if it came as part of a sent line, after all that stands before it in that
 * line. If it is the line's beginning, that holds once for each time that the line was sent: what
 * comes again is the guest's.
 */
final class Echo {
    private static final int MOST_LINES = 64;
    private static final int LONGEST = 4096;

    private final Deque<Line> lines = new ArrayDeque<>();
    private final ByteArrayOutputStream begun = new ByteArrayOutputStream();
    private final StringBuilder heard = new StringBuilder();
    private @Nullable Line current;

    /** What was sent up to its line end; in Latin-1, a character for each byte. */
    private static final class Line {
        private String text = "";
        private boolean told;
    }

    /** These bytes go to the guest. Call it before they are sent. */
    synchronized void sent(byte[] bytes) {
        for (byte b : bytes) {
            if (current == null) {
                current = new Line();
                lines.addLast(current);
                if (lines.size() > MOST_LINES) {
                    lines.removeFirst();
                }
            }
            if (b == '\n' || b == '\r') {
                current = null;
                begun.reset();
            } else if (begun.size() < LONGEST) {
                begun.write(b);
                current.text = begun.toString(StandardCharsets.ISO_8859_1);
            }
        }
    }

    /** The guest sent this byte. */
    synchronized void heard(byte b) {
        heard.append((char) (b & 0xFF));
        if (heard.length() > 4 * LONGEST) {
            heard.delete(0, heard.length() - 2 * LONGEST);
        }
    }

    /**
     * Whether {@code text}, with which the guest's words end now, is the echo of something sent.
     */
    synchronized boolean explains(String text) {
        String t = new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
        for (Line l : lines) {
            for (String end : new String[] {"\n", "\r\n"}) {
                if (explains(l, l.text + end, t)) {
                    return true;
                }
            }
        }
        return false;
    }

    private boolean explains(Line line, String echo, String t) {
        for (int at = echo.indexOf(t); at >= 0; at = echo.indexOf(t, at + 1)) {
            String until = echo.substring(0, at + t.length());
            if (endsWith(until) && (at > 0 || !line.told)) {
                line.told |= at == 0;
                return true;
            }
        }
        return false;
    }

    private boolean endsWith(String s) {
        int from = heard.length() - s.length();
        return from >= 0 && heard.indexOf(s, from) == from;
    }
}
