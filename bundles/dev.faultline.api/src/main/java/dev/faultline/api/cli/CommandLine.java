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

    /**
     * Asks commands to end, those that run and those that are still to come, as a process is asked
     * by a signal: their machines stop, what is half written is removed, the terminal becomes what
     * it was, one line says so, and {@link #run} returns 128 + {@code signal}. A command that is
     * ending already ends as it would have. Returns at once; any thread. Called again it does at
     * once what must not stay behind if the process is killed next.
     *
     * @param signal its number, for example 15; of several the first counts
     */
    void stop(int signal);
}
