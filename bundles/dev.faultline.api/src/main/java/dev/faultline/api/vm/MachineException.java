// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/**
 * Input that a machine cannot be built, booted or restored from. The message is one line for
 * people: the value, what was expected, what to do. Names and values in it may come from a file
 * that somebody made: see {@link PlainText}.
 */
public class MachineException extends Exception {
    @Serial private static final long serialVersionUID = 1L;

    /**
     * @param message may be null
     */
    public MachineException(@Nullable String message) {
        super(line(message));
    }

    /**
     * @param message may be null
     */
    public MachineException(@Nullable String message, Throwable cause) {
        super(line(message), cause);
    }

    private static @Nullable String line(@Nullable String message) {
        return message == null ? null : PlainText.line(message);
    }
}
