// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

import java.io.Serial;

/** The command was used wrongly in a way that its options alone do not show: exit code 2. */
public final class UsageException extends RuntimeException {
    @Serial private static final long serialVersionUID = 1L;

    public UsageException(String message) {
        super(message);
    }
}
