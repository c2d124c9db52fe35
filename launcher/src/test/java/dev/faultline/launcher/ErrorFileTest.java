// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ErrorFileTest {
    @TempDir Path scratch;

    @Test
    void hasCodeAndErrorWhereTheArgumentsSay() throws Exception {
        Path one = scratch.resolve("one.json");
        Path two = scratch.resolve("two.json");

        ErrorFile.write(new String[] {"run", "x", "--json", one.toString()}, 4, "a \"b\"\n\\");
        ErrorFile.write(new String[] {"run", "--json=" + two}, 4, "c");

        assertThat(one)
                .content()
                .contains("\"code\" : 4")
                .contains("\"error\" : \"a \\\"b\\\"\\u000a\\\\\"");
        assertThat(Files.readString(two)).contains("\"error\" : \"c\"");
    }

    @Test
    void aSignalBeforeTheCommandRunsIsWrittenWithItsCode() {
        Path file = scratch.resolve("ended.json");
        Ending ending = new Ending(() -> 5, code -> {});
        ending.signalled(15);

        int code = Main.stopped(ending, new String[] {"run", "x", "--json", file.toString()});

        assertThat(code).isEqualTo(143);
        assertThat(file)
                .content()
                .contains("\"code\" : 143")
                .contains("\"error\" : \"ended by SIGTERM\"");
    }

    @Test
    void withoutTheOptionThereIsNone() throws Exception {
        ErrorFile.write(new String[] {"run", "--json"}, 4, "a");

        assertThat(scratch).isEmptyDirectory();
    }
}
