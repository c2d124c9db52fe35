// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.board;

import dev.faultline.api.vm.MachineException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A device as a configuration asks for it: {@code NAME[?][,KEY=VALUE...]}.
 *
 * @param optional with a ? behind its name: the machine may do without it
 * @param options as they were given, without the first comma; empty if there are none
 * @param values the options by key
 */
public record AskedDevice(
        String name, boolean optional, String options, Map<String, String> values) {
    private static final String OPTIONAL = "?";

    /**
     * @throws MachineException naming what is wrong with the text
     */
    public static AskedDevice parse(String text) throws MachineException {
        int comma = text.indexOf(',');
        String first = comma < 0 ? text : text.substring(0, comma);
        String options = comma < 0 ? "" : text.substring(comma + 1);
        boolean optional = first.endsWith(OPTIONAL);
        String name = optional ? first.substring(0, first.length() - 1) : first;
        if (name.isBlank()) {
            throw wrong(text, "it has no name");
        }
        Map<String, String> values = new LinkedHashMap<>();
        for (String option : comma < 0 ? new String[0] : options.split(",", -1)) {
            int at = option.indexOf('=');
            if (at < 1) {
                throw wrong(text, "option '" + option + "' is not KEY=VALUE");
            }
            if (values.put(option.substring(0, at), option.substring(at + 1)) != null) {
                throw wrong(text, "option " + option.substring(0, at) + " is given twice");
            }
        }
        return new AskedDevice(name, optional, options, values);
    }

    private static MachineException wrong(String text, String why) {
        return new MachineException(
                "device '%s': %s; expected NAME or NAME,KEY=VALUE,...".formatted(text, why));
    }

    /** As {@link #parse} takes it. */
    public String text(boolean mayLack) {
        return name + (mayLack ? OPTIONAL : "") + (options.isEmpty() ? "" : "," + options);
    }
}
