// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

/**
 * What a command ends with. Ours are even: a guest that ends itself with v ends with {@code (v <<
 * 1) | 1}; after signal n it is 128 + n.
 */
public final class ExitCode {
    public static final int DONE = 0;
    public static final int USAGE = 2;
    public static final int ERROR = 4;
    public static final int CRASHED = 6;
    public static final int TIMEOUT = 124;

    private ExitCode() {}
}
