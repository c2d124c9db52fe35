// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.regex.Pattern;

/**
 * Which bundle may use which: every implementation imports the API and nothing else of ours, except
 * that engines and platforms import what they share; implementations export nothing; no package is
 * in two bundles.
 */
final class BundleRules {
    static final String API = "dev.faultline.api";

    /** What implementations of one kind share: prefix of their names, and the library. */
    static final Map<String, String> SHARED =
            Map.of(
                    "dev.faultline.cpu.",
                    "dev.faultline.cpu.x86",
                    "dev.faultline.platform.",
                    "dev.faultline.platform.unix");

    /** Libraries that are no bundles and so travel inside one of ours: prefix of their packages. */
    private static final Map<String, String> EMBEDDED =
            Map.of("dev.faultline.snapshot", "io.airlift.compress.v3");

    private static final String OURS = "dev.faultline.";

    /** What the rules look at in a bundle. */
    record Contents(String name, Set<String> imports, Set<String> exports, Set<String> packages) {}

    private BundleRules() {}

    static Contents read(Path jar) throws IOException {
        try (JarFile file = new JarFile(jar.toFile())) {
            Attributes headers = file.getManifest().getMainAttributes();
            Set<String> packages = new TreeSet<>();
            file.stream()
                    .map(entry -> entry.getName())
                    .filter(name -> name.endsWith(".class"))
                    .forEach(name ->
                            packages.add(
                                    name.substring(0, Math.max(0, name.lastIndexOf('/')))
                                            .replace('/', '.')));
            for (String header : List.of("Require-Bundle", "DynamicImport-Package")) {
                if (headers.getValue(header) != null) {
                    throw new IllegalStateException(jar + " has a header " + header);
                }
            }
            return new Contents(
                    headers.getValue("Bundle-SymbolicName"),
                    packagesOf(headers.getValue("Import-Package")),
                    packagesOf(headers.getValue("Export-Package")),
                    packages);
        }
    }

    /** One line for each broken rule. */
    static List<String> violations(Collection<Contents> bundles) {
        List<String> lines = new ArrayList<>();
        Map<String, String> exporters = new HashMap<>();
        Map<String, String> owners = new HashMap<>();
        for (Contents bundle : bundles) {
            for (String exported : bundle.exports) {
                exporters.put(exported, bundle.name);
                if (!bundle.name.equals(API) && !SHARED.containsValue(bundle.name)) {
                    lines.add(bundle.name + " exports " + exported);
                }
            }
            for (String contained : bundle.packages) {
                String other = owners.put(contained, bundle.name);
                if (other != null) {
                    lines.add(contained + " is in " + other + " and in " + bundle.name);
                }
                if (!below(contained, bundle.name)
                        && !below(contained, EMBEDDED.getOrDefault(bundle.name, bundle.name))) {
                    lines.add(bundle.name + " contains " + contained + ", not below its own name");
                }
            }
        }
        for (Contents bundle : bundles) {
            for (String imported : bundle.imports) {
                if (imported.startsWith(OURS) && !mayImport(bundle.name, exporters.get(imported))) {
                    lines.add(
                            bundle.name
                                    + " imports "
                                    + imported
                                    + " of "
                                    + exporters.get(imported));
                }
            }
        }
        return lines;
    }

    private static boolean below(String name, String prefix) {
        return name.equals(prefix) || name.startsWith(prefix + ".");
    }

    private static boolean mayImport(String importer, String exporter) {
        return importer.equals(exporter)
                || (API.equals(exporter) && !importer.equals(API))
                || SHARED.entrySet().stream()
                        .anyMatch(kind ->
                                importer.startsWith(kind.getKey())
                                        && kind.getValue().equals(exporter));
    }

    /**
     * The package names of an Import-Package or Export-Package header; attributes may contain
     * commas in quotes.
     */
    static Set<String> packagesOf(String header) {
        Set<String> names = new TreeSet<>();
        if (header == null) {
            return names;
        }
        String unquoted = Pattern.compile("\"[^\"]*\"").matcher(header).replaceAll("");
        for (String clause : unquoted.split(",")) {
            for (String part : clause.split(";")) {
                if (!part.contains("=")) {
                    names.add(part.strip());
                }
            }
        }
        return names;
    }
}
