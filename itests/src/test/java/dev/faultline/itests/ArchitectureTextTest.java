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
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every class and every member that ARCHITECTURE.md names is in the sources. */
class ArchitectureTextTest {
    private static final Path PAGE = Program.SOURCES.resolve("ARCHITECTURE.md");
    private static final List<String> TREES =
            List.of("bundles", "launcher", "testkit", "itests", "examples");

    /** What the page may name that is not ours: of the JDK and of OSGi. */
    private static final Set<String> OTHERS = Set.of("IllegalStateException");

    private static final Pattern FENCE = Pattern.compile("(?ms)^```(\\w*)\\n(.*?)^```$");

    /** {@code `x`} in running text. */
    private static final Pattern QUOTED = Pattern.compile("`([^`\\n]+)`");

    /** A type or a member of one, with or without its package; {@code PART.target} is none. */
    private static final Pattern NAME =
            Pattern.compile("(?:[a-z][a-z0-9]*\\.)*((?=\\w*[a-z])[A-Z]\\w*)((?:\\.\\w+)*)");

    /** In a diagram nothing is quoted: there only what has a member is sure to be a name. */
    private static final Pattern MEMBER =
            Pattern.compile("\\b(?=\\w*[a-z])[A-Z]\\w*(?:\\.[A-Za-z]\\w*)+");

    private static final Pattern COMMENT = Pattern.compile("(?s)/\\*.*?\\*/|//[^\\n]*");
    private static final Pattern TYPE =
            Pattern.compile("\\b(?:class|interface|enum|record)\\s+([A-Z]\\w*)");

    /** What is before the name of a method or a field: the last letter of its type. */
    private static final String TYPED =
            "[\\w>\\]](?<!\\b(?:return|new|throw|else|yield|case|assert|instanceof))[ \\n]+";

    /** A constant of an enum, at the start of its line. */
    private static final String CONSTANT = "(?m)^ +(?![a-z])%s(?:[,;({]| \\{|$)";

    /** Sources, without comments, by the types that they declare, nested ones too. */
    private static final Map<String, List<String>> SOURCES = new HashMap<>();

    @BeforeAll
    static void read() throws IOException {
        for (String tree : TREES) {
            try (Stream<Path> all = Files.walk(Program.SOURCES.resolve(tree))) {
                for (Path p : all.filter(ArchitectureTextTest::isSource).toList()) {
                    String source = COMMENT.matcher(Files.readString(p)).replaceAll("");
                    Set<String> types = new TreeSet<>();
                    TYPE.matcher(source).results().forEach(m -> types.add(m.group(1)));
                    types.forEach(
                            t -> SOURCES.computeIfAbsent(t, n -> new ArrayList<>()).add(source));
                }
            }
        }
        assertThat(SOURCES).hasSizeGreaterThan(1000);
    }

    private static boolean isSource(Path p) {
        String s = p.toString().replace('\\', '/');
        return s.endsWith(".java") && s.contains("/src/") && !s.contains("/target/");
    }

    @Test
    void everyNameIsInTheSources() throws IOException {
        Set<String> named = names(Files.readString(PAGE));
        assertThat(named.stream().filter(n -> !exists(n)))
                .as("names in %s that are not in the sources", PAGE.getFileName())
                .isEmpty();
        assertThat(named).hasSizeGreaterThan(300);
    }

    /** Names in the page's running text and in its diagrams. */
    private static Set<String> names(String page) {
        Set<String> all = new TreeSet<>();
        Matcher fence = FENCE.matcher(page);
        while (fence.find()) {
            if (fence.group(1).equals("mermaid")) {
                MEMBER.matcher(fence.group(2)).results().forEach(m -> all.add(m.group()));
            }
        }
        QUOTED.matcher(fence.replaceAll(""))
                .results()
                .map(m -> m.group(1))
                .filter(s -> NAME.matcher(s).matches())
                .forEach(all::add);
        return all;
    }

    private static boolean exists(String name) {
        Matcher m = NAME.matcher(name);
        if (!m.matches()) {
            throw new IllegalArgumentException(name);
        }
        List<String> members = List.of(m.group(2).replaceFirst("^[.]", "").split("[.]"));
        return OTHERS.contains(m.group(1))
                || SOURCES.getOrDefault(m.group(1), List.of()).stream()
                        .anyMatch(s -> members.stream().allMatch(x -> declares(s, x)));
    }

    /** A method, field, constant or type of that name, or none asked; a call does not count. */
    private static boolean declares(String source, String member) {
        return member.isEmpty()
                || Pattern.compile(TYPED + member + "(?:\\(|(?: =)?[ ;,)\\n])")
                        .matcher(source)
                        .find()
                || Pattern.compile(CONSTANT.formatted(member)).matcher(source).find()
                || TYPE.matcher(source).results().anyMatch(m -> m.group(1).equals(member));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ArchitectureTextTest",
                "ArchitectureTextTest.declares",
                "ArchitectureTextTest.SOURCES",
                "dev.faultline.itests.ArchitectureTextTest.isSource",
                "Contents",
                "BundleRules.Contents.imports",
                "FaultOrigin.PAGE_WALK",
                "VcpuLoop.EXIT_FAULT"
            })
    void whatIsThere(String name) {
        assertThat(exists(name)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "NoSuchClass",
                "NoSuchClass.declares",
                "ArchitectureTextTest.noSuchMember",
                "ArchitectureTextTest.assertThat",
                "ArchitectureTextTest.anyMatch",
                "ArchitectureTextTest.IllegalArgumentException",
                "BundleRules.Contents.noSuchMember",
                "FaultOrigin.NO_SUCH"
            })
    void whatIsNot(String name) {
        assertThat(exists(name)).isFalse();
    }

    @Test
    void whatCountsAsAName() {
        String page =
                """
                The `Mem.read` of `dev.faultline.Abi`, not `cpu.x86`, `PART.target`, `R`, Gpr or
                `bin/faultline`.

                ```mermaid
                flowchart LR
                    a["Mmu.fill, Watch"] --> b["Op"]
                ```

                ```text
                Translator.walk `Paging`
                ```

                And `Ept`.
                """;
        assertThat(names(page)).containsExactly("Ept", "Mem.read", "Mmu.fill", "dev.faultline.Abi");
    }
}
