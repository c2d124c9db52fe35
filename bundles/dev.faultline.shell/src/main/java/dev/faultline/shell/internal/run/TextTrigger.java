// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.shell.internal.cli.UsageException;
import java.nio.charset.StandardCharsets;

/** Finds a text in a stream of bytes, each occurrence once. One thread. */
final class TextTrigger {
    private final String words;
    private final byte[] text;
    private final int[] back;
    private int matched;

    /**
     * @param text not empty
     */
    TextTrigger(String text) {
        words = text;
        this.text = text.getBytes(StandardCharsets.UTF_8);
        if (this.text.length == 0) {
            throw new UsageException("a text to wait for must not be empty");
        }
        back = new int[this.text.length];
        for (int i = 1, k = 0; i < this.text.length; i++) {
            while (k > 0 && this.text[i] != this.text[k]) {
                k = back[k - 1];
            }
            if (this.text[i] == this.text[k]) {
                k++;
            }
            back[i] = k;
        }
    }

    /**
     * @param echo which has heard this byte
     * @return true if the text ended with this byte, and is not the echo of what was sent
     */
    boolean accept(byte b, Echo echo) {
        return accept(b) && !echo.explains(words);
    }

    /**
     * @return true if the text ended with this byte
     */
    boolean accept(byte b) {
        while (matched > 0 && b != text[matched]) {
            matched = back[matched - 1];
        }
        if (b == text[matched]) {
            matched++;
        }
        if (matched == text.length) {
            matched = back[matched - 1];
            return true;
        }
        return false;
    }
}
