// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Several guests' output on one stream: line by line, each with its guest's number before it. */
public final class LinePrinter {
    /** A line that does not end is printed in parts. */
    private static final int LONGEST = 4096;

    private final PrintStream out;
    private final List<Line> lines = new ArrayList<>();

    public LinePrinter(PrintStream out) {
        this.out = out;
    }

    private final class Line implements Consumer<byte[]> {
        private final String prefix;
        private final ByteArrayOutputStream begun = new ByteArrayOutputStream();

        Line(int number) {
            prefix = "[" + number + "] ";
        }

        @Override
        public void accept(byte[] bytes) {
            synchronized (LinePrinter.this) {
                for (byte b : bytes) {
                    begun.write(b);
                    if (b == '\n' || begun.size() >= LONGEST) {
                        print();
                    }
                }
            }
        }

        private void print() {
            if (begun.size() > 0) {
                out.print(prefix);
                out.writeBytes(begun.toByteArray());
                begun.reset();
            }
        }
    }

    /** Where the guest of this number writes to. */
    public synchronized Consumer<byte[]> of(int number) {
        Line l = new Line(number);
        lines.add(l);
        return l;
    }

    /** Prints what was begun, too. */
    public synchronized void finish() {
        for (Line l : lines) {
            if (l.begun.size() > 0) {
                l.begun.write('\n');
                l.print();
            }
        }
        out.flush();
    }
}
