// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.gogo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.protection.Rights;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the interactive commands read and print. */
class ShellTextTest {
    @Test
    void columnsAreAsWideAsTheirWidestCell() {
        Table t = new Table("NAME", "RAM>").row("a", "64 MiB").row("longer", "1 GiB");

        assertThat(t.toString())
                .isEqualTo(
                        """
                        NAME       RAM
                        a       64 MiB
                        longer   1 GiB\
                        """);
    }

    @Test
    void theSerialLogKeepsTheLastBytesWithoutEscapes() {
        SerialLog log = new SerialLog(16);
        log.add("lost, lost, lost ".getBytes(StandardCharsets.UTF_8));
        log.add("one\r\n\u001b[1mtwo\n3".getBytes(StandardCharsets.UTF_8));

        assertThat(log.text()).endsWith("one\ntwo\n3").doesNotContain("lost, ");
        assertThat(log.tail(2)).isEqualTo("two\n3");
        assertThat(log.tail(9)).isEqualTo(log.text());
    }

    @ParameterizedTest
    @CsvSource({"none,0", "---,0", "r,1", "rw-,3", "RX,5", "xwr,7"})
    void rightsAreLetters(String text, int rights) {
        assertThat(ProtectionCommands.parseRights(text)).isEqualTo(rights & Rights.MASK);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "all", "rwxr", "q"})
    void otherRightsAreRefused(String text) {
        assertThatThrownBy(() -> ProtectionCommands.parseRights(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'" + text + "'");
    }

    @Test
    void addressesMayBeHexAndSizesMayHaveUnits() {
        assertThat(ProtectionCommands.address("0x100000")).isEqualTo(0x100000);
        assertThat(ProtectionCommands.address("4096")).isEqualTo(4096);
        assertThat(ProtectionCommands.size("64K")).isEqualTo(65536);
        assertThat(ProtectionCommands.size("0x2000")).isEqualTo(0x2000);
        assertThatThrownBy(() -> ProtectionCommands.address("here")).hasMessageContaining("here");
    }

    @Test
    void anErrorIsOneLine() {
        assertThatThrownBy(() ->
                        CommandFailed.orLine(() -> {
                            throw new IllegalStateException("no such\n  machine");
                        }))
                .hasToString("vm: no such; machine");
    }
}
