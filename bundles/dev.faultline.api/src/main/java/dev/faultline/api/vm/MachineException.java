// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import java.io.Serial;

/**
 * Input that a machine cannot be built, booted or restored from. The message is one line for
 * people: the value, what was expected, what to do.
 */
public class MachineException extends Exception {
    @Serial private static final long serialVersionUID = 1L;

    public MachineException(String message) {
        super(message);
    }

    public MachineException(String message, Throwable cause) {
        super(message, cause);
    }
}
