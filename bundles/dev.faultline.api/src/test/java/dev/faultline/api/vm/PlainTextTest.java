// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PlainTextTest {
    @Test
    void whatATerminalWouldObeyIsReplaced() {
        assertThat(PlainText.line("\u001b]0;owned\u0007\u001b[31mEVIL\u001b[0m\r\nnext"))
                .isEqualTo("?]0;owned??[31mEVIL?[0m??next");
        assertThat(PlainText.line("a\u009b2Jb\u007f\u202ec\u2066d\u2028e\u200bf\ufeff"))
                .isEqualTo("a?2Jb??c?d?e?f?");
    }

    @Test
    void allElseStays() {
        String s = "Gäste 日本 😀 100 % <ok>";
        assertThat(PlainText.line(s)).isSameAs(s);
        assertThat(PlainText.line("x".repeat(5000))).hasSize(1503).endsWith("...");
        assertThat(new MachineException("a\nb")).hasMessage("a?b");
        assertThat(new MachineException(null)).hasMessage(null);
    }
}
