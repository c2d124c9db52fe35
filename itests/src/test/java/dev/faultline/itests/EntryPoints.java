// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import java.lang.classfile.Annotation;
import java.lang.classfile.AttributedElement;
import java.lang.classfile.MethodModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where execution comes in from outside of our code, as the class files tell it. */
final class EntryPoints {
    private static final String COMPONENT = "Lorg/osgi/service/component/annotations/Component;";
    private static final String EXPORT = "Lorg/osgi/annotation/bundle/Export;";
    private static final String REFERENCE = "Lorg/osgi/service/component/annotations/Reference;";
    private static final String MAIN = "main([Ljava/lang/String;)V";

    /** Property of a component that is a command: its methods of that name are called. */
    private static final String COMMAND = "osgi.command.function=";

    /** Annotations that tell something to the compiler or to a reader, and call nothing. */
    private static final Pattern SILENT = Pattern.compile("Ljava/lang/.*|Lorg/osgi/annotation/.*");

    /** A method that takes a service, and the start of the name of the one that gives it back. */
    private static final Pattern BINDS = Pattern.compile("(bind|set|add)(.*)");

    private static final Map<String, String> OPPOSITE =
            Map.of("bind", "unbind", "set", "unset", "add", "remove");

    private EntryPoints() {}

    /** Whether something from outside finds the class by itself. */
    static boolean isFound(CompiledClass c) {
        return has(c.annotations(), COMPONENT) || c.methods().containsKey(MAIN);
    }

    /** The packages that are for strangers, by internal name. */
    static Set<String> exported(List<CompiledClass> bundle) {
        Set<String> packages = new TreeSet<>();
        for (CompiledClass c : bundle) {
            if (c.isPackageInfo() && has(c.annotations(), EXPORT)) {
                packages.add(c.packageName());
            }
        }
        return packages;
    }

    /**
     * Members of a used class that others call or read, because of an annotation that says what
     * they are. Who reads the annotation of a class makes its objects.
     */
    static List<String> of(CompiledClass c) {
        List<String> members = new ArrayList<>();
        Set<String> named = named(c);
        boolean made = speaks(c.annotations());
        c.methods()
                .forEach((key, m) -> {
                    boolean constructor = key.startsWith("<init>");
                    boolean byName = named.contains(key.substring(0, key.indexOf('(')));
                    if (key.equals(MAIN) || byName || isAnnotated(m) || (made && constructor)) {
                        members.add(key);
                    }
                });
        c.fields()
                .forEach((name, f) -> {
                    if (isAnnotated(f)) {
                        members.add(name);
                    }
                });
        return members;
    }

    /** Names of methods that are called by name: of commands, and beside a method that binds. */
    private static Set<String> named(CompiledClass c) {
        Set<String> names = new TreeSet<>();
        c.annotations().stream()
                .flatMap(a -> CompiledClass.texts(a).stream())
                .filter(t -> t.startsWith(COMMAND))
                .forEach(t -> names.add(t.substring(COMMAND.length())));
        for (MethodModel m : c.methods().values()) {
            for (Annotation a : CompiledClass.annotations(m)) {
                Matcher binds = BINDS.matcher(m.methodName().stringValue());
                if (a.className().equalsString(REFERENCE) && binds.matches()) {
                    names.addAll(CompiledClass.texts(a));
                    names.add(OPPOSITE.get(binds.group(1)) + binds.group(2));
                    names.add("updated" + binds.group(2));
                }
            }
        }
        return names;
    }

    /** Whether something from outside calls the method, or reads and writes the field. */
    static boolean isAnnotated(AttributedElement e) {
        return speaks(CompiledClass.annotations(e));
    }

    private static boolean speaks(List<Annotation> annotations) {
        return annotations.stream()
                .anyMatch(a -> !SILENT.matcher(a.className().stringValue()).matches());
    }

    private static boolean has(List<Annotation> annotations, String type) {
        return annotations.stream().anyMatch(a -> a.className().equalsString(type));
    }
}
