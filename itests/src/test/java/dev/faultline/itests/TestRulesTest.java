// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * No test of the project waits by the clock (CONTRIBUTING.md, "Tests that wait"). Before a line
 * that uses it, and judges nothing by it, stands why: {@code // clock: a reason}.
 */
class TestRulesTest {
    /** What ends a test after less than five minutes, or waits for so and so long. */
    private static final Pattern BY_THE_CLOCK =
            Pattern.compile(
                    "@Timeout\\((?![3-9][0-9]{2}\\)|[0-9]{4,}\\))|assertTimeout|Thread\\.sleep\\(|awaitTermination\\("
                            + "|\\.(await|join|waitFor|get|poll|tryAcquire)\\([^()]*\\bTimeUnit\\."
                            + "|\\.(await|join|waitFor|get|poll)\\(\\s*Duration\\.of|\\.(join|waitFor)\\(\\s*[0-9]"
                            + "|park(Nanos|Until)\\(|(orTimeout|completeOnTimeout)\\(|System\\.(nanoTime|currentTimeMillis)\\(");

    private static final Pattern REASON = Pattern.compile("// clock: \\S");

    private static boolean wrong(String before, String line) {
        return BY_THE_CLOCK.matcher(line).find() && !REASON.matcher(before).find();
    }

    @Test
    void noTestWaitsByTheClock() throws IOException {
        List<String> found = new ArrayList<>();
        int files = 0;
        try (Stream<Path> all = Files.walk(Program.SOURCES)) {
            for (Path p : all.filter(TestRulesTest::isTest).sorted().toList()) {
                files++;
                int number = 0;
                String before = "";
                for (String line : Files.readAllLines(p)) {
                    number++;
                    if (wrong(before, line)) {
                        found.add("%s:%d: %s".formatted(p.getFileName(), number, line.strip()));
                    }
                    before = line;
                }
            }
        }
        assertThat(files).isGreaterThan(100);
        assertThat(found)
                .as("wait with HangGuard of the test kit, or say in a line before // clock: why")
                .isEmpty();
    }

    private static boolean isTest(Path p) {
        String s = p.toString().replace('\\', '/');
        return s.endsWith(".java")
                && s.contains("/src/test/java/")
                && !s.contains("/target/")
                && !s.endsWith("/TestRulesTest.java");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "    @Timeout(60)",
                "latch.await(10, TimeUnit.SECONDS);",
                "thread.join(10_000);",
                "process.waitFor(limit, TimeUnit.SECONDS)",
                "Thread.sleep(50);",
                "LockSupport.parkNanos(1_000_000);",
                "machine.await(Duration.ofSeconds(60))",
                "future.orTimeout(10, SECONDS)",
                "long end = System.nanoTime() + LIMIT;"
            })
    void whatIsFound(String line) {
        assertThat(wrong("", line)).isTrue();
        assertThat(wrong("// clock:", line)).isTrue();
        assertThat(wrong("    // clock: to give a mistake its chance", line)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "HangGuard.await(latch, \"it is there\");",
                "thread.join();",
                "machine.await(Duration.ZERO)"
            })
    void whatIsNot(String line) {
        assertThat(wrong("", line)).isFalse();
    }
}
