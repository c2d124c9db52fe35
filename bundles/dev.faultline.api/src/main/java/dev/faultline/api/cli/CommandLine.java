// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.cli;

import java.io.InputStream;
import java.io.OutputStream;
import org.osgi.annotation.versioning.ProviderType;

/** The program behind {@code bin/faultline}: one call per invocation. */
@ProviderType
public interface CommandLine {
    /**
     * Runs one command to its end.
     *
     * @param args the words after the program's name
     * @return the process's exit code: 0 done, 2 wrong usage, 4 error of ours, 6 guest crashed, 124
     *     time-out, 128 + n after signal n; every odd code is a guest's own
     * @throws InterruptedException if the calling thread is interrupted; running machines are
     *     stopped first
     */
    int run(String[] args, InputStream in, OutputStream out, OutputStream err)
            throws InterruptedException;
}
