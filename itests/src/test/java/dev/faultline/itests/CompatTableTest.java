// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The tables of docs/haxm-compat.md: complete, and every test that they name is in the sources. */
class CompatTableTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Path PAGE = ROOT.resolve("docs/haxm-compat.md");
    private static final int DEFECTS = 26;
    private static final int WISHES = 21;

    /** {@code `Class#method`} or {@code `Class.Nested#method`}. */
    private static final Pattern TEST = Pattern.compile("`(\\w+)(?:\\.(\\w+))?#(\\w+)`");

    /** Sources of all tests by class name. */
    private static final Map<String, List<String>> SOURCES = new HashMap<>();

    private static List<String> lines;

    @BeforeAll
    static void read() throws IOException {
        lines = Files.readAllLines(PAGE);
        List<Path> trees = new ArrayList<>(List.of(ROOT.resolve("itests/src/test/java")));
        try (Stream<Path> bundles = Files.list(ROOT.resolve("bundles"))) {
            bundles.map(b -> b.resolve("src/test/java"))
                    .filter(Files::isDirectory)
                    .forEach(trees::add);
        }
        for (Path tree : trees) {
            try (Stream<Path> files = Files.walk(tree)) {
                for (Path f : files.filter(p -> p.toString().endsWith("Test.java")).toList()) {
                    String name = f.getFileName().toString().replace(".java", "");
                    SOURCES.computeIfAbsent(name, n -> new ArrayList<>()).add(Files.readString(f));
                }
            }
        }
    }

    @Test
    void everyTestThatIsNamedExists() {
        List<String> named = new ArrayList<>();
        List<String> missing = new ArrayList<>();
        for (String line : lines) {
            Matcher m = TEST.matcher(line);
            while (m.find()) {
                named.add(m.group());
                if (!exists(m.group(1), m.group(2), m.group(3))) {
                    missing.add(m.group());
                }
            }
        }
        assertThat(missing).as("tests that %s names", PAGE).isEmpty();
        assertThat(named).hasSizeGreaterThan(DEFECTS + WISHES);
    }

    @Test
    void everyDefectAndEveryWishHasItsRowAndItsTest() {
        List<String> rows = lines.stream().filter(l -> l.matches("\\| D?\\d+ \\|.*")).toList();
        assertThat(rows.stream().map(l -> l.substring(2, l.indexOf(' ', 2))))
                .containsExactlyElementsOf(
                        Stream.concat(
                                        IntStream.rangeClosed(1, DEFECTS).mapToObj(i -> "D" + i),
                                        IntStream.rangeClosed(1, WISHES)
                                                .mapToObj(Integer::toString))
                                .toList());
        assertThat(rows).allMatch(l -> TEST.matcher(l).find());
    }

    @Test
    void aTestThatIsNotThereIsNoticed() {
        assertThat(exists("CompatTableTest", null, "everyTestThatIsNamedExists")).isTrue();
        assertThat(exists("CompatTableTest", null, "noSuchTest")).isFalse();
        assertThat(exists("NoSuchTest", null, "everyTestThatIsNamedExists")).isFalse();
        assertThat(exists("CompatTableTest", "Nested", "everyTestThatIsNamedExists")).isFalse();
    }

    private static boolean exists(String type, String nested, String method) {
        return SOURCES.getOrDefault(type, List.of()).stream()
                .filter(s -> nested == null || s.contains("class " + nested + " {"))
                .anyMatch(s -> declares(s, method));
    }

    /** A method of that name with a test's annotation; no blank line is between the two. */
    private static boolean declares(String source, String method) {
        Matcher m = Pattern.compile("\\bvoid " + method + "\\(").matcher(source);
        while (m.find()) {
            String head = source.substring(source.lastIndexOf("\n\n", m.start()) + 1, m.start());
            if (head.contains("@Test\n") || head.contains("@ParameterizedTest")) {
                return true;
            }
        }
        return false;
    }
}
