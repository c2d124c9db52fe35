// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

/** A text of several lines for a place that has one. */
public final class OneLine {
    private OneLine() {}

    public static String of(String s) {
        return s == null ? "no reason given" : s.strip().replaceAll("\\s*\\R\\s*", "; ");
    }
}
