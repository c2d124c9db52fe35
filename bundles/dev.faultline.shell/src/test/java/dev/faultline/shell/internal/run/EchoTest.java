// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class EchoTest {
    private final Echo echo = new Echo();

    private void sent(String s) {
        echo.sent(s.getBytes(StandardCharsets.UTF_8));
    }

    /** How often the trigger fires while the guest says this. */
    private int fires(String text, String said) {
        TextTrigger t = new TextTrigger(text);
        int n = 0;
        for (byte b : said.getBytes(StandardCharsets.UTF_8)) {
            echo.heard(b);
            n += t.accept(b, echo) ? 1 : 0;
        }
        return n;
    }

    @Test
    void withoutAnythingSentEveryTextCounts() {
        assertThat(fires("DONE", "DONE\nDONE")).isEqualTo(2);
    }

    /** Terminal and shell both echo; the answer comes after them. */
    @Test
    void anEchoedLineDoesNotCountHoweverOftenItIsEchoed() {
        sent("make; echo DONE\n");

        assertThat(fires("DONE", "# make; echo DONE\r\n# make; echo DONE\r\n")).isZero();
        assertThat(fires("DONE", "cc -c a.c\r\nDONE\r\n")).isEqualTo(1);
    }

    @Test
    void aTextThatIsTheWholeLineCountsFromItsSecondTime() {
        sent("DONE\n");

        assertThat(fires("DONE", "DONE\r\n")).isZero();
        assertThat(fires("DONE", "DONE\r\n")).isEqualTo(1);
    }

    @Test
    void theEndOfTheLineMayBePartOfTheText() {
        sent("echo DONE\n");

        assertThat(fires("DONE\n", "echo DONE\n")).isZero();
        assertThat(fires("DONE\n", "DONE\n")).isEqualTo(1);
    }

    @Test
    void whatIsTypedKeyByKeyIsALineToo() {
        for (char c : "echo DONE".toCharArray()) {
            sent(String.valueOf(c));
        }

        assertThat(fires("DONE", "echo DONE")).as("before Enter").isZero();
        sent("\r");
        assertThat(fires("DONE", "\r\nDONE")).isEqualTo(1);
    }

    @Test
    void aGuestThatEchoesNothingIsHeard() {
        sent("get 0\n");

        assertThat(fires("ok", "0 96 ok 4db2")).isEqualTo(1);
    }

    @Test
    void textsOfOtherAlphabetsAreComparedByTheirBytes() {
        sent("echo \u00E4\u20AC\n");

        assertThat(fires("\u00E4\u20AC", "# echo \u00E4\u20AC\r\n")).isZero();
        assertThat(fires("\u00E4\u20AC", "\u00E4\u20AC\r\n")).isEqualTo(1);
    }
}
