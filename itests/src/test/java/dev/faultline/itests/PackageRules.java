// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.constantpool.ClassEntry;
import java.lang.classfile.constantpool.PoolEntry;
import java.lang.classfile.constantpool.Utf8Entry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** How the packages of one bundle may use each other: in one direction. */
final class PackageRules {
    private static final Pattern TYPE = Pattern.compile("L([\\w/$]+);");

    private PackageRules() {}

    /**
     * Which packages each package uses, of those that are here.
     *
     * @param classes a folder of compiled classes
     */
    static Map<String, Set<String>> uses(Path classes) throws IOException {
        Map<String, Set<String>> all = new TreeMap<>();
        try (Stream<Path> files = Files.walk(classes)) {
            for (Path p : files.filter(f -> f.toString().endsWith(".class")).toList()) {
                ClassModel c = ClassFile.of().parse(p);
                String own = packageOf(c.thisClass().asInternalName());
                Set<String> used = all.computeIfAbsent(own, x -> new TreeSet<>());
                for (PoolEntry e : c.constantPool()) {
                    types(e).forEach(t -> used.add(packageOf(t)));
                }
            }
        }
        for (Map.Entry<String, Set<String>> e : all.entrySet()) {
            e.getValue().retainAll(all.keySet());
            e.getValue().remove(e.getKey());
        }
        return all;
    }

    /** Internal names of types, in whatever descriptor or signature they stand. */
    private static List<String> types(PoolEntry e) {
        List<String> names = new ArrayList<>();
        if (e instanceof ClassEntry c && !c.asInternalName().startsWith("[")) {
            names.add(c.asInternalName());
        } else if (e instanceof Utf8Entry u) {
            Matcher m = TYPE.matcher(u.stringValue());
            while (m.find()) {
                names.add(m.group(1));
            }
        }
        return names;
    }

    private static String packageOf(String internalName) {
        int end = internalName.lastIndexOf('/');
        return end < 0 ? "" : internalName.substring(0, end).replace('/', '.');
    }

    /** Packages that use each other, directly or by others: a list for each such group. */
    static List<Set<String>> circles(Map<String, Set<String>> uses) {
        List<Set<String>> circles = new ArrayList<>();
        Set<String> seen = new TreeSet<>();
        for (String p : uses.keySet()) {
            Set<String> circle = new TreeSet<>();
            for (String other : reached(p, uses)) {
                if (reached(other, uses).contains(p)) {
                    circle.add(other);
                }
            }
            if (circle.size() > 1 && seen.addAll(circle)) {
                circles.add(circle);
            }
        }
        return circles;
    }

    private static Set<String> reached(String from, Map<String, Set<String>> uses) {
        Set<String> reached = new TreeSet<>();
        Deque<String> open = new ArrayDeque<>(List.of(from));
        while (!open.isEmpty()) {
            for (String next : uses.getOrDefault(open.pop(), Set.of())) {
                if (reached.add(next)) {
                    open.push(next);
                }
            }
        }
        return reached;
    }
}
