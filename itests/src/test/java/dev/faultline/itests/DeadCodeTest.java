// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/**
 * What nobody uses is not there (CONTRIBUTING.md, "Rooms"). What tests alone use says so in its
 * comment: {@code For tests}.
 */
class DeadCodeTest {
    /** What is not read, and is needed all the same: the reason for each. */
    private static final Map<String, String> NEEDED =
            new TreeMap<>(
                    Map.of(
                            "dev.faultline.machine.pc.internal.fault.FaultSlot.apart",
                            "memory between what two processors write",
                            "dev.faultline.machine.pc.internal.run.VcpuRunner.apart",
                            "memory between what two processors write",
                            "dev.faultline.testkit.HangGuard.sink",
                            "written so that the measured work is done"));

    @Nested
    class OfTheProject {
        private static ProjectCode project;
        private static Set<String> usedByNobody;

        @BeforeAll
        static void read() throws IOException {
            project = ProjectCode.read(Program.SOURCES);
            assertThat(project.classes()).isGreaterThan(1000);
            assertThat(project.otherClasses()).isGreaterThan(400);
            usedByNobody = names(project.usedByNobody());
        }

        @Test
        void nothingIsUsedByNobody() {
            assertThat(usedByNobody)
                    .as("remove what is new here; NEEDED is what is known")
                    .isEqualTo(NEEDED.keySet());
        }

        @Test
        void whatTestsAloneUseSaysSo() {
            Set<String> found = names(project.usedByTestsAtMost());
            found.removeAll(usedByNobody);

            assertThat(found)
                    .as("remove it with its tests, or begin its comment with: For tests")
                    .isEmpty();
        }
    }

    private static Set<String> names(Set<DeadCode.Part> parts) {
        Set<String> names = new TreeSet<>();
        parts.forEach(p -> names.add(p.toString()));
        return names;
    }

    // ---- the finder

    /** Entered at {@code main}. What is to be found is named for it. */
    static final class Sample {
        static final int UNUSED_CONSTANT = 1;
        static final int CONSTANT = 2;

        private static final VarHandle BY_NAME;

        static {
            try {
                BY_NAME =
                        MethodHandles.lookup().findVarHandle(Sample.class, "readByName", int.class);
            } catch (ReflectiveOperationException e) {
                throw new ExceptionInInitializerError(e);
            }
        }

        int readByName;
        int unusedOnlyWritten;
        final Runnable runs = new Overrides();

        public static void main(String[] args) {
            Sample s = new Sample();
            BY_NAME.setVolatile(s, Asked.valueOf(args[0]).ordinal() + CONSTANT);
            IntSupplier handle = s::usedByHandle;
            IntSupplier lambda = () -> usedByLambda(new Shape(3));
            s.runs.run();
            Next next = new HasNext();
            s.unusedOnlyWritten = next.next();
            args[0] = List.of(handle, lambda, Named.USED).toString();
        }

        private int usedByHandle() {
            return 1;
        }

        private static int usedByLambda(Shape shape) {
            return shape.width();
        }

        int unused() {
            return unusedButByUnused();
        }

        int unusedButByUnused() {
            return UnusedConstants.class.hashCode();
        }

        static void unusedButByItself() {
            unusedButByItself();
        }

        Sample unusedOverload(Sample[] a, int b) {
            return a[b];
        }
    }

    /** Its constants are read by those who use them, once they are compiled. */
    static final class UnusedConstants {
        private UnusedConstants() {}
    }

    private static final class Overrides implements Runnable {
        @Override
        public void run() {}

        public void unusedBesideIt() {}
    }

    /** Its {@code next} is what the interface's is, without a word of the interface. */
    private static class CountsOn {
        public int next() {
            return 0;
        }
    }

    private interface Next {
        int next();

        int unusedPromise();
    }

    private static final class HasNext extends CountsOn implements Next {
        @Override
        public int unusedPromise() {
            return 0;
        }
    }

    record Shape(int width) {}

    enum Asked {
        BY_NAME
    }

    enum Named {
        USED,
        UNUSED
    }

    private static List<CompiledClass> samples() throws IOException {
        List<CompiledClass> samples = new ArrayList<>();
        for (Class<?> c : DeadCodeTest.class.getDeclaredClasses()) {
            if (c != OfTheProject.class) {
                try (InputStream in =
                        c.getResourceAsStream(c.getName().replaceAll(".*\\.", "") + ".class")) {
                    samples.add(new CompiledClass(in.readAllBytes()));
                }
            }
        }
        return samples;
    }

    @Test
    void whatIsNotReachedIsFound() throws IOException {
        List<CompiledClass> samples = samples();
        DeadCode code = new DeadCode(samples);
        samples.stream().filter(EntryPoints::isFound).forEach(c -> code.reachClass(c.name()));
        code.follow();

        Set<String> found = names(code.unused(samples, (c, name) -> name.equals("CONSTANT")));

        assertThat(found.stream().map(f -> f.substring(f.indexOf("DeadCodeTest.") + 13)))
                .containsExactlyInAnyOrder(
                        "Sample.UNUSED_CONSTANT",
                        "Sample.unusedOnlyWritten",
                        "Sample.unused()",
                        "Sample.unusedButByUnused()",
                        "Sample.unusedButByItself()",
                        "Sample.unusedOverload(DeadCodeTest.Sample[], int)",
                        "UnusedConstants",
                        "Overrides.unusedBesideIt()",
                        "Next.unusedPromise()",
                        "HasNext.unusedPromise()",
                        "Named.UNUSED");
    }

    @Test
    void whatAnotherUsesIsNotFound() throws IOException {
        List<CompiledClass> samples = samples();
        DeadCode code = new DeadCode(samples);
        samples.forEach(code::reachAll);
        code.follow();

        assertThat(code.unused(samples, (c, name) -> true)).isEmpty();
    }

    @Test
    void constantsAreNamedByCodeAlone() {
        SourceText text = new SourceText();
        text.add(
                "a/Own",
                "class Own { int NEVER = 1; int HERE = 2; int f = HERE; int FAR = 3; } // NEVER");
        text.add(
                "b/Other",
                "class Other { int x = Own.FAR; String s = \"Own.NEVER\"; /* Own.NEVER */ }");
        text.add("b/Stranger", "class Stranger { int NEVER; }");
        text.add("b/Heir", "class Heir { int x = BELOW; }");

        assertThat(text.names("a/Own", "Own", "NEVER", List.of())).isFalse();
        assertThat(text.names("a/Own", "Own", "HERE", List.of())).isTrue();
        assertThat(text.names("a/Own", "Own", "FAR", List.of())).isTrue();
        assertThat(text.names("a/Own", "Own", "BELOW", List.of())).isFalse();
        assertThat(text.names("a/Own", "Own", "BELOW", List.of("b/Heir"))).isTrue();
    }

    @Test
    void onlyTheCommentOfADeclarationCounts() {
        SourceText text = new SourceText();
        text.add(
                "A",
                """
                /** For tests. */
                class A {
                    /** For tests: so many. */
                    @Deprecated
                    int marked() { return other(); }

                    int other() { return 1; }

                    /** A field. */
                    int field;
                }
                """);

        assertThat(text.says("A", "A", "For tests")).isTrue();
        assertThat(text.says("A", "marked", "For tests")).isTrue();
        assertThat(text.says("A", "other", "For tests")).isFalse();
        assertThat(text.says("A", "field", "For tests")).isFalse();
        assertThat(text.says("B", "field", "For tests")).isFalse();
    }
}
