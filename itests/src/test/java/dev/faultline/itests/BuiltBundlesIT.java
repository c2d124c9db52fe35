// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.MethodModel;
import java.lang.classfile.attribute.CodeAttribute;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What can be seen in the shipped bundles without starting them. */
class BuiltBundlesIT {
    /** HotSpot never compiles a longer method (HugeMethodLimit), in bytes of bytecode. */
    private static final int NEVER_COMPILED = 8000;

    /** HotSpot does not inline a longer hot method (FreqInlineSize), in bytes of bytecode. */
    private static final int NEVER_INLINED = 325;

    private record Method(String name, int bytes) {}

    @Test
    void bundlesUseEachOtherOnlyAsTheArchitectureSays() throws IOException {
        List<BundleRules.Contents> bundles = new ArrayList<>();
        for (Path jar : Distribution.ourBundles()) {
            bundles.add(BundleRules.read(jar));
        }

        assertThat(bundles).hasSizeGreaterThanOrEqualTo(15);
        assertThat(BundleRules.violations(bundles)).isEmpty();
    }

    @Test
    void everyMethodOfAnEngineCanBeCompiled() throws IOException {
        List<Method> methods = new ArrayList<>();
        for (Path jar : Distribution.ourBundles()) {
            if (jar.getFileName().toString().startsWith("dev.faultline.cpu.")) {
                collect(jar, methods);
            }
        }
        report(methods);

        assertThat(methods).isNotEmpty();
        assertThat(methods).filteredOn(method -> method.bytes > NEVER_COMPILED).isEmpty();
    }

    /** A configuration selects a service by {@code NAME.target}: no name may be generated. */
    @Test
    void everyReferenceOfAComponentHasAName() throws IOException {
        Pattern reference = Pattern.compile("<reference [^>]*?name=\"([^\"]*)\"");
        List<String> names = new ArrayList<>();
        for (Path jar : Distribution.ourBundles()) {
            try (JarFile file = new JarFile(jar.toFile())) {
                for (JarEntry entry : file.stream().toList()) {
                    if (entry.getName().matches("OSGI-INF/[^/]*\\.xml")) {
                        try (InputStream in = file.getInputStream(entry)) {
                            String xml = new String(in.readAllBytes(), StandardCharsets.UTF_8);
                            reference
                                    .matcher(xml)
                                    .results()
                                    .forEach(r -> names.add(entry.getName() + " " + r.group(1)));
                        }
                    }
                }
            }
        }
        assertThat(names).hasSizeGreaterThan(20).allMatch(n -> n.matches("\\S+ [a-z][A-Za-z]*"));
        assertThat(names)
                .contains("OSGI-INF/dev.faultline.machine.pc.internal.PcMachineFactory.xml mmu");
    }

    private static void report(List<Method> methods) {
        List<Method> large =
                methods.stream()
                        .filter(method -> method.bytes > NEVER_INLINED)
                        .sorted(Comparator.comparingInt(Method::bytes).reversed())
                        .toList();
        System.out.println(
                large.size()
                        + " of "
                        + methods.size()
                        + " methods of the engines are too long to be inlined when hot (> "
                        + NEVER_INLINED
                        + " bytes); the longest:");
        large.stream()
                .limit(20)
                .forEach(method -> System.out.println("  " + method.bytes + " " + method.name));
    }

    private static void collect(Path jar, List<Method> methods) throws IOException {
        try (JarFile file = new JarFile(jar.toFile())) {
            for (JarEntry entry : file.stream().toList()) {
                if (entry.getName().endsWith(".class")) {
                    try (InputStream in = file.getInputStream(entry)) {
                        collect(ClassFile.of().parse(in.readAllBytes()), methods);
                    }
                }
            }
        }
    }

    private static void collect(ClassModel model, List<Method> methods) {
        for (MethodModel method : model.methods()) {
            String name = method.methodName().stringValue();
            // Runs once, so it is no loss that it is never compiled: tables are built there.
            if (method.code().isPresent() && !name.equals("<clinit>")) {
                CodeAttribute code = (CodeAttribute) method.code().get();
                String owner = model.thisClass().asInternalName().replace('/', '.');
                methods.add(new Method(owner + "." + name, code.codeLength()));
            }
        }
    }
}
