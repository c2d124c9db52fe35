// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * What {@code --device NAME,KEY=VALUE,...} gives a device, read while it is made. Every question
 * checks its answer; keys that the device did not ask for are refused by the machine afterwards, so
 * that a typing error does not pass unnoticed. One thread.
 */
public final class DeviceOptions {
    private final String device;
    private final Map<String, String> values;
    private final Set<String> asked = new TreeSet<>();

    /**
     * @param device the device's name, for messages
     * @param values by key
     */
    public DeviceOptions(String device, Map<String, String> values) {
        this.device = device;
        this.values = new LinkedHashMap<>(values);
    }

    /** Text as it was given; {@code otherwise} if the key was not. */
    public String text(String key, String otherwise) {
        asked.add(key);
        return values.getOrDefault(key, otherwise);
    }

    /**
     * A number, decimal or with 0x.
     *
     * @throws IllegalArgumentException naming key, value and range
     */
    public long number(String key, long otherwise, long least, long most) {
        asked.add(key);
        String value = values.get(key);
        if (value == null) {
            return otherwise;
        }
        try {
            long number = Long.decode(value.strip());
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // The same answer as for one out of range.
        }
        throw new IllegalArgumentException(
                "%s=%s: expected a number from %d to %d".formatted(key, value, least, most));
    }

    /**
     * {@code on} or {@code off}.
     *
     * @throws IllegalArgumentException naming key and value
     */
    public boolean flag(String key, boolean otherwise) {
        String value = text(key, otherwise ? "on" : "off");
        if (!value.equals("on") && !value.equals("off")) {
            throw new IllegalArgumentException("%s=%s: expected on or off".formatted(key, value));
        }
        return value.equals("on");
    }

    /**
     * After the device was made.
     *
     * @throws IllegalArgumentException naming a key that the device has not asked for, and those
     *     that it has
     */
    public void refuseUnknown() {
        for (String key : values.keySet()) {
            if (!asked.contains(key)) {
                throw new IllegalArgumentException(
                        "device %s has no option %s; %s"
                                .formatted(
                                        device,
                                        key,
                                        asked.isEmpty()
                                                ? "it has none"
                                                : "there is " + String.join(", ", asked)));
            }
        }
    }
}
