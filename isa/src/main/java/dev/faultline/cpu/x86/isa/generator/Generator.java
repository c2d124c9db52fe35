// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa.generator;

import dev.faultline.cpu.x86.isa.Definition;
import dev.faultline.cpu.x86.isa.Family;
import dev.faultline.cpu.x86.isa.InstructionTable;
import dev.faultline.cpu.x86.isa.Row;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Writes the sources that the instruction table implies. */
public final class Generator {
    private static final String INSTRUCTIONS = "dev.faultline.cpu.x86.insn";

    /** Of what generated sources may speak: package, and its classes. */
    private static final Map<String, List<String>> CLASSES =
            Map.of(
                    "dev.faultline.cpu.x86.kernel.integer",
                    List.of("Alu", "Bits", "Shifts"),
                    "dev.faultline.cpu.x86.kernel.simd",
                    List.of(
                            "Approximation",
                            "FpArith",
                            "FpConvert",
                            "FpOp",
                            "FpPacked",
                            "PackedInt",
                            "PackedShapes",
                            "PackedWide"),
                    "dev.faultline.cpu.x86.memory",
                    List.of("Mem"),
                    "dev.faultline.cpu.x86.op",
                    List.of("Decoded", "LockedOp", "MemOp", "Op", "Raise"),
                    "dev.faultline.cpu.x86.state",
                    List.of("Conditions", "Faults"),
                    "dev.faultline.api.memory",
                    List.of("HostBytes"),
                    "dev.faultline.api.engine",
                    List.of("VcpuContext"),
                    "dev.faultline.api.cpu",
                    List.of("Segments"));

    private Generator() {}

    /**
     * Writes all sources, and removes others.
     *
     * @param arguments folder that the packages' folders come into; ours alone
     */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 1) {
            throw new IllegalArgumentException("one argument expected: the folder to write to");
        }
        Path folder = Path.of(arguments[0]);
        Map<String, String> sources = sources();
        removeOthers(folder, sources.keySet());
        for (Map.Entry<String, String> e : sources.entrySet()) {
            Path file = folder.resolve(e.getKey());
            Files.createDirectories(file.getParent());
            // Untouched if it is the same: then nothing is compiled again.
            if (!Files.exists(file) || !Files.readString(file).equals(e.getValue())) {
                Files.writeString(file, e.getValue());
            }
        }
    }

    /** Of instructions that the table no longer has. */
    private static void removeOthers(Path folder, Set<String> written) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        List<Path> found;
        try (Stream<Path> all = Files.walk(folder)) {
            found = all.filter(Files::isRegularFile).collect(Collectors.toList());
        }
        for (Path p : found) {
            if (!written.contains(folder.relativize(p).toString().replace('\\', '/'))) {
                Files.delete(p);
            }
        }
    }

    /** By path below the source folder. */
    static Map<String, String> sources() {
        Map<String, String> files = new TreeMap<>();
        for (Family f : Family.values()) {
            write(f, files);
        }
        return files;
    }

    private static String packageOf(Family f) {
        return INSTRUCTIONS + "." + f.lowerCase();
    }

    /** A source file of the family's package. */
    static String source(Family family, JavaText body) {
        JavaText t = new JavaText();
        t.lines("// SPDX-License-Identifier: Apache-2.0");
        t.lines("// Generated from the instruction table; not to be edited.");
        t.lines("package " + packageOf(family) + ";").blank();
        t.lines(imports(body.toString())).blank();
        return t.lines(body.toString()).toString();
    }

    /** Import statements for what a source speaks of. */
    private static String imports(String source) {
        List<String> imports = new ArrayList<>();
        CLASSES.forEach((p, classes) -> {
            for (String c : classes) {
                if (Pattern.compile("\\b" + c + "\\b").matcher(source).find()) {
                    imports.add("import " + p + "." + c + ";");
                }
            }
        });
        return imports.stream().sorted().collect(Collectors.joining("\n"));
    }

    private static void write(Family family, Map<String, String> files) {
        Map<Integer, Row> byMaker = new TreeMap<>();
        Map<Definition, List<Row>> byDefinition = new LinkedHashMap<>();
        for (Row r : InstructionTable.all()) {
            if (r.definition.family() == family && byMaker.putIfAbsent(r.maker, r) == null) {
                byDefinition.computeIfAbsent(r.definition, k -> new ArrayList<>()).add(r);
            }
        }
        Map<Definition, String> names = names(byDefinition.keySet());
        String folder = packageOf(family).replace('.', '/') + "/";
        names.forEach((d, name) -> {
            List<Row> rows = byDefinition.getOrDefault(d, List.of());
            files.put(folder + name + ".java", new OpsWriter(d, name, rows).write());
        });
        String table = capitalized(family.name()) + "Makers";
        files.put(folder + table + ".java", makers(family, table, byMaker, names));
    }

    /** One class name for each definition that has a shape. */
    private static Map<Definition, String> names(Iterable<Definition> all) {
        Map<Definition, String> names = new HashMap<>();
        Map<String, Integer> used = new HashMap<>();
        for (Definition d : all) {
            if (!d.opaque()) {
                int n = used.merge(d.mnemonic(), 1, Integer::sum);
                names.put(d, capitalized(d.mnemonic()) + (n == 1 ? "" : String.valueOf(n)));
            }
        }
        return names;
    }

    private static String capitalized(String s) {
        return s.charAt(0) + s.substring(1).toLowerCase(Locale.ROOT);
    }

    private static String makers(
            Family family, String name, Map<Integer, Row> byMaker, Map<Definition, String> names) {
        JavaText body = new JavaText();
        body.lines("/** Which row of " + family.lowerCase() + ".tab becomes which Op. */");
        body.open("public final class " + name);
        body.lines("private " + name + "() {}").blank();
        body.lines("/** The Op of an instruction of this family. */");
        body.open("public static Op make(Decoded d)");
        body.open("return switch (d.row.maker)");
        byMaker.forEach((n, row) -> {
            Definition d = row.definition;
            String java =
                    d.opaque() ? d.kernel() : names.get(d) + "." + Forms.makerName(row) + "(d)";
            body.lines("// " + row).lines("case " + n + " -> " + java + ";");
        });
        body.lines("default -> throw new IllegalStateException(\"no semantics of: \" + d.row);");
        body.close(";").close().close();
        return source(family, body);
    }
}
