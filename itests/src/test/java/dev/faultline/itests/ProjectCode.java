// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import java.io.IOException;
import java.lang.reflect.AccessFlag;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * The compiled classes of the project and their sources: of the product, of the test kit, and of
 * what tries them.
 */
final class ProjectCode {
    /** The comment of what is there for tests alone. */
    private static final String FOR_TESTS = "For tests";

    private final List<CompiledClass> product = new ArrayList<>();
    private final List<CompiledClass> kit = new ArrayList<>();

    /** Tests and examples. */
    private final List<CompiledClass> others = new ArrayList<>();

    private final Set<String> exported;

    /** Classes that are found because a file names them as a service. */
    private final Set<String> services = new TreeSet<>();

    private final SourceText main = new SourceText();
    private final SourceText all = new SourceText();

    /** Of what is compiled elsewhere only: benchmarks, and what the archetype makes. */
    private final SourceText elsewhere = new SourceText();

    private ProjectCode(Path root) throws IOException {
        for (Path bundle : folders(root.resolve("bundles"))) {
            add(bundle, product);
        }
        add(root.resolve("isa"), product);
        add(root.resolve("launcher"), product);
        add(root.resolve("testkit"), kit);
        for (Path example : folders(root.resolve("examples"))) {
            add(example, others);
        }
        add(root.resolve("itests"), others);
        elsewhere.add(root.resolve("bench/src/main/java"));
        elsewhere.add(
                root.resolve(
                        "examples/extension-archetype/src/main/resources/archetype-resources/src/test/java"));
        all.add(root.resolve("bench/src/main/java"));
        Path api = root.resolve("bundles").resolve(BundleRules.API);
        exported = EntryPoints.exported(CompiledClass.in(api.resolve("target/classes")));
    }

    static ProjectCode read(Path root) throws IOException {
        return new ProjectCode(root);
    }

    private void add(Path module, List<CompiledClass> classes) throws IOException {
        main.add(module.resolve("src/main/java"));
        all.add(module.resolve("src/main/java"));
        all.add(module.resolve("target/generated-sources/isa"));
        all.add(module.resolve("src/test/java"));
        addCompiled(module.resolve("target/classes"), classes);
        addCompiled(module.resolve("target/test-classes"), others);
        Path named = module.resolve("target/classes/META-INF/services");
        if (Files.isDirectory(named)) {
            try (Stream<Path> files = Files.list(named)) {
                for (Path f : files.toList()) {
                    Files.readAllLines(f).forEach(l -> services.add(l.strip().replace('.', '/')));
                }
            }
        }
    }

    /** What was left by a source file that is gone is not looked at. */
    private void addCompiled(Path folder, List<CompiledClass> classes) throws IOException {
        CompiledClass.in(folder).stream()
                .filter(c -> all.files().contains(c.file()))
                .forEach(classes::add);
    }

    private static List<Path> folders(Path of) throws IOException {
        try (Stream<Path> folders = Files.list(of)) {
            return folders.filter(f -> Files.isDirectory(f.resolve("src"))).toList();
        }
    }

    int classes() {
        return product.size();
    }

    int otherClasses() {
        return others.size();
    }

    /** What neither the product uses nor a test, an example or a benchmark. */
    Set<DeadCode.Part> usedByNobody() {
        List<CompiledClass> judged = new ArrayList<>(product);
        judged.addAll(kit);
        List<CompiledClass> everything = new ArrayList<>(judged);
        everything.addAll(others);
        DeadCode code = new DeadCode(everything);
        reachProduct(code);
        others.forEach(code::reachAll);
        judged.forEach(c -> reachFromElsewhere(code, c));
        code.follow();
        return code.unused(judged, this::isNamed);
    }

    /** What the product has, does not use, and does not say to be for tests. */
    Set<DeadCode.Part> usedByTestsAtMost() {
        DeadCode code = new DeadCode(product);
        reachProduct(code);
        code.follow();
        Set<DeadCode.Part> found = new TreeSet<>(code.unused(product, this::isNamed));
        found.removeIf(p -> main.says(p.owner().file(), p.simpleName(), FOR_TESTS));
        return found;
    }

    private void reachProduct(DeadCode code) {
        for (CompiledClass c : product) {
            if (isExported(c)) {
                code.reachExported(c);
            } else if (EntryPoints.isFound(c)) {
                code.reachClass(c.name());
            }
        }
        services.forEach(code::reachMade);
    }

    private void reachFromElsewhere(DeadCode code, CompiledClass c) {
        List<String> members = new ArrayList<>(c.methods().keySet());
        members.addAll(c.fields().keySet());
        for (String m : members) {
            String word = m.startsWith("<init>") ? "new" : m.replaceAll("\\(.*", "");
            if (elsewhere.names(c.file(), c.simpleName(), word, List.of())) {
                code.reachMember(c.name(), m);
            }
        }
    }

    /**
     * Whether anything names a constant: one that tests alone name stands for what hardware has.
     */
    private boolean isNamed(CompiledClass c, String constant) {
        List<String> below =
                product.stream()
                        .filter(d -> d.supers().contains(c.name()))
                        .map(CompiledClass::file)
                        .toList();
        return isExported(c) || all.names(c.file(), c.simpleName(), constant, below);
    }

    private boolean isExported(CompiledClass c) {
        return c.is(AccessFlag.PUBLIC) && exported.contains(c.packageName());
    }
}
