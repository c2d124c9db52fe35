// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

import dev.faultline.shell.internal.cli.UsageException;
import picocli.CommandLine.Command;

/**
 * Stands for the interactive shell in the help. The launcher opens it, with bundles that start for
 * it only; what comes here was not the word alone.
 */
@Command(
        name = "shell",
        description = "Opens an interactive shell on a running platform; no arguments.")
final class ShellCommand implements Runnable {
    @Override
    public void run() {
        throw new UsageException("`shell` opens the interactive shell and takes no arguments");
    }
}
