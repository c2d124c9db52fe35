// SPDX-License-Identifier: Apache-2.0
package org.example.watchpoint;

import dev.faultline.api.fault.PageFault;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes a line for each access to a file, up to a limit. Any thread. */
final class AccessLog implements AutoCloseable {
    private final Writer out;
    private long left;

    /**
     * @param file null for none
     * @param limit lines
     */
    AccessLog(Path file, long limit) throws IOException {
        out = file == null ? Writer.nullWriter() : Files.newBufferedWriter(file);
        left = limit;
    }

    synchronized void add(String machine, PageFault fault) {
        if (left <= 0) {
            return;
        }
        left--;
        try {
            out.write(machine + " vcpu " + fault.vcpu() + " " + fault + "\n");
            if (left == 0) {
                out.write("limit reached\n");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    synchronized void flush() throws IOException {
        out.flush();
    }

    @Override
    public synchronized void close() throws IOException {
        left = 0;
        out.close();
    }
}
