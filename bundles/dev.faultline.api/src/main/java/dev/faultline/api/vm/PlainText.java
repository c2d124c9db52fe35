// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

/**
 * Text that strangers wrote (a file, a server, a guest's image) as it may be shown to people: one
 * line, nothing that a terminal would obey. Stateless.
 */
public final class PlainText {
    private static final int LONGEST = 1500;

    private PlainText() {}

    /**
     * Replaces control characters, line ends and what changes the direction of writing by question
     * marks, and cuts what is too long for a line.
     */
    public static String line(String text) {
        if (text.length() <= LONGEST && text.chars().noneMatch(PlainText::isObeyed)) {
            return text;
        }
        String cut = text.length() <= LONGEST ? text : text.substring(0, LONGEST) + "...";
        StringBuilder s = new StringBuilder(cut);
        for (int i = 0; i < s.length(); i++) {
            if (isObeyed(s.charAt(i))) {
                s.setCharAt(i, '?');
            }
        }
        return s.toString();
    }

    private static boolean isObeyed(int c) {
        return Character.isISOControl(c)
                || c == 0x2028
                || c == 0x2029
                || c >= 0x200B && c <= 0x200F
                || c >= 0x202A && c <= 0x202E
                || c >= 0x2066 && c <= 0x2069
                || c == 0xFEFF;
    }
}
