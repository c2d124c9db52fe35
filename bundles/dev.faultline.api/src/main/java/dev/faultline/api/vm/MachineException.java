// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import java.io.Serial;

/**
 * Input that a machine cannot be built, booted or restored from. The message is one line for
 * people: the value, what was expected, what to do. Names and values in it may come from a file
 * that somebody made: control characters are replaced, and what is too long for a line is cut.
 */
public class MachineException extends Exception {
    @Serial private static final long serialVersionUID = 1L;

    private static final int LONGEST = 1500;

    public MachineException(String message) {
        super(line(message));
    }

    public MachineException(String message, Throwable cause) {
        super(line(message), cause);
    }

    private static String line(String message) {
        if (message == null
                || message.length() <= LONGEST
                        && message.chars().noneMatch(Character::isISOControl)) {
            return message;
        }
        String cut = message.length() <= LONGEST ? message : message.substring(0, LONGEST) + "...";
        StringBuilder s = new StringBuilder(cut);
        for (int i = 0; i < s.length(); i++) {
            if (Character.isISOControl(s.charAt(i))) {
                s.setCharAt(i, '?');
            }
        }
        return s.toString();
    }
}
