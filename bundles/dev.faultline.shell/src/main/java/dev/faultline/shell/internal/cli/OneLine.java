// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

import org.jspecify.annotations.Nullable;

/** A text of several lines for a place that has one. */
public final class OneLine {
    private OneLine() {}

    public static String of(@Nullable String s) {
        return s == null ? "no reason given" : s.strip().replaceAll("\\s*\\R\\s*", "; ");
    }
}
