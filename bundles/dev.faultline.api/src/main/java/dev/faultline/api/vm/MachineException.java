// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import java.io.Serial;

/**
 * Input that a machine cannot be built, booted or restored from. The message is one line for
 * people: the value, what was expected, what to do. Names and values in it may come from a file
 * that somebody made: see {@link PlainText}.
 */
public class MachineException extends Exception {
    @Serial private static final long serialVersionUID = 1L;

    public MachineException(String message) {
        super(PlainText.line(message));
    }

    public MachineException(String message, Throwable cause) {
        super(PlainText.line(message), cause);
    }
}
