// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.itests.AddressUnits.Unit;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** No address of one space is taken for one of another (package {@code api.address}). */
class AddressUnitsTest {
    private static final String CLASS_PATH = System.getProperty("java.class.path");

    private static List<String> findings(String statement) throws IOException {
        String source =
                """
                import dev.faultline.api.address.*;
                class C {
                    int rightsOf(@Gfn long page) { return 0; }
                    @Hva long find(@Gpa long start) { return -1; }
                    long copy(long fromHva, long bytes) { return 0; }
                    long gpa, gfn, hva, missGpa, other;
                    void m(@Gva long at) { %s; }
                }
                """
                        .formatted(statement);
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
            JavaFileObject file =
                    new SimpleJavaFileObject(
                            URI.create("string:///C.java"), JavaFileObject.Kind.SOURCE) {
                        @Override
                        public CharSequence getCharContent(boolean ignored) {
                            return source;
                        }
                    };
            return AddressUnits.of(compiler, files, List.of(file), CLASS_PATH).found();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "rightsOf(gpa)",
                "rightsOf(missGpa + 8)",
                "rightsOf(Page.gpa(gfn))",
                "find(gpa >>> 12)",
                "find(gfn)",
                "find(at)",
                "find(find(gpa))",
                "copy(gpa & Page.MASK, 1)",
                "hva = other == 0 ? gpa : 7",
                "long nextGfn = find(0)",
                "missGpa = Math.max(gfn, 1)",
                "if (gpa < gfn) { }",
            })
    void theWrongSpaceIsFound(String statement) throws IOException {
        assertThat(findings(statement)).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "rightsOf(Page.gfn(gpa))",
                "rightsOf(gpa >>> Page.SHIFT)",
                "rightsOf(gpa / Page.SIZE + 1)",
                "rightsOf(other)",
                "find(gfn << 12 | gpa & 0xFFF)",
                "find(gfn * Page.SIZE)",
                "copy(find(gpa) + 8, gpa)",
                "other = gpa - hva",
                "hva = hva + (gpa - missGpa)",
                "if (gpa < missGpa && gfn == gpa >>> 12) { }",
            })
    void whatIsRightIsNot(String statement) throws IOException {
        assertThat(findings(statement)).isEmpty();
    }

    @Test
    void noAddressIsTakenForOneOfAnotherSpace() throws IOException {
        List<Path> sources = new ArrayList<>();
        for (String folder : List.of("bundles", "launcher", "testkit", "examples")) {
            try (Stream<Path> all = Files.walk(Program.SOURCES.resolve(folder))) {
                all.filter(AddressUnitsTest::isMain).forEach(sources::add);
            }
        }
        assertThat(sources).hasSizeGreaterThan(500);

        AddressUnits.Result result = AddressUnits.of(sources, CLASS_PATH);

        assertThat(result.judged()).isGreaterThan(500);
        assertThat(result.found()).isEmpty();
        assertThat(result.undeclared())
                .as("addresses of the API without @Gpa and its kin")
                .isEmpty();
        assertThat(result.taken()).hasSizeGreaterThan(20);
        assertThat(result.taken())
                .as("methods of one name that take bytes here and pages there")
                .noneSatisfy((name, units) -> assertThat(units).contains(Unit.GPA, Unit.GFN));
    }

    private static boolean isMain(Path p) {
        String s = p.toString();
        return s.endsWith(".java")
                && s.contains("/src/main/java/")
                && !s.contains("archetype-resources");
    }
}
