// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import dev.faultline.itests.CompiledClass.Use;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.classfile.Attributes;
import java.lang.classfile.FieldModel;
import java.lang.classfile.MethodModel;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.lang.reflect.AccessFlag;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiPredicate;
import java.util.stream.Collectors;

/**
 * What of the code is reached from its entry points. A method that only dead methods call is not
 * reached, nor is one that only calls itself; a field that is only written is not either.
 *
 * <p>A method is also reached if it overrides one that is, or one of a type that is not ours: who
 * calls that is not seen. An object of each reached class is taken to exist.
 */
final class DeadCode {
    private static final Set<String> SERIALIZED =
            Set.of("serialVersionUID", "readObject", "writeObject", "readResolve", "writeReplace");

    /**
     * A class or a member of it.
     *
     * @param member key of the method or name of the field; empty for the class
     */
    record Part(CompiledClass owner, String member) implements Comparable<Part> {
        /** What its declaration has before a parenthesis or the end. */
        String simpleName() {
            if (member.isEmpty() || member.startsWith("<init>")) {
                return owner.simpleName();
            }
            return member.replaceAll("\\(.*", "");
        }

        @Override
        public int compareTo(Part other) {
            return toString().compareTo(other.toString());
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Part p && toString().equals(p.toString());
        }

        @Override
        public int hashCode() {
            return toString().hashCode();
        }

        /** As one writes it, with the package of the class. */
        @Override
        public String toString() {
            String type = owner.name().replace('/', '.').replace('$', '.');
            int at = member.indexOf('(');
            if (at < 0) {
                return member.isEmpty() ? type : type + "." + member;
            }
            return MethodTypeDesc.ofDescriptor(member.substring(at)).parameterList().stream()
                    .map(p -> p.displayName().replace('$', '.'))
                    .collect(Collectors.joining(", ", type + "." + simpleName() + "(", ")"));
        }
    }

    private final Map<String, CompiledClass> code = new HashMap<>();
    private final Map<String, Optional<CompiledClass>> foreign = new HashMap<>();
    private final Set<String> reached = new HashSet<>();
    private final Deque<Runnable> open = new ArrayDeque<>();

    DeadCode(Collection<CompiledClass> classes) {
        classes.forEach(c -> code.put(c.name(), c));
    }

    /** Takes all of a class as used, whoever uses it. */
    void reachAll(CompiledClass c) {
        reachClass(c.name());
        c.methods().keySet().forEach(m -> reachMethod(c.name(), m));
        c.fields().keySet().forEach(f -> reachField(c.name(), f));
    }

    /** Takes as used what strangers may use of a class: all that is public or protected. */
    void reachExported(CompiledClass c) {
        reachClass(c.name());
        c.methods()
                .forEach((key, m) -> {
                    if (m.flags().has(AccessFlag.PUBLIC) || m.flags().has(AccessFlag.PROTECTED)) {
                        reachMethod(c.name(), key);
                    }
                });
        c.fields()
                .forEach((name, f) -> {
                    if (f.flags().has(AccessFlag.PUBLIC) || f.flags().has(AccessFlag.PROTECTED)) {
                        reachField(c.name(), name);
                    }
                });
    }

    /** Takes a class as used: what it is made of, and what others use of it by themselves. */
    void reachClass(String name) {
        CompiledClass c = code.get(name);
        if (c == null || !reached.add(name)) {
            return;
        }
        open.add(() -> {
            int nested = name.lastIndexOf('$');
            if (nested > 0) {
                reachClass(name.substring(0, nested));
            }
            reachMethod(name, "<clinit>()V");
            c.uses().forEach(u -> use(c, u));
            EntryPoints.of(c).forEach(m -> reachMember(name, m));
        });
    }

    void reachMember(String owner, String member) {
        if (member.contains("(")) {
            reachMethod(owner, member);
        } else {
            reachField(owner, member);
        }
    }

    private void reachMethod(String owner, String key) {
        CompiledClass c = declaring(owner, key);
        if (c == null || !reached.add(c.name() + "." + key)) {
            return;
        }
        reachClass(c.name());
        boolean listsConstants = c.is(AccessFlag.ENUM) && key.startsWith("$values()");
        MethodModel m = c.methods().get(key);
        if (!listsConstants) {
            open.add(() -> c.uses(m).forEach(u -> use(c, u)));
        }
        if (EntryPoints.isAnnotated(m)) {
            m.methodTypeSymbol().parameterList().forEach(p -> reachMade(internalName(p)));
        }
    }

    private void reachField(String owner, String name) {
        CompiledClass c = declaring(owner, name);
        if (c == null || !reached.add(c.name() + "." + name)) {
            return;
        }
        reachClass(c.name());
        FieldModel f = c.fields().get(name);
        open.add(() -> c.uses(f).forEach(u -> use(c, u)));
        if (EntryPoints.isAnnotated(f)) {
            reachMade(internalName(f.fieldTypeSymbol()));
        }
    }

    private static String internalName(ClassDesc d) {
        return d.descriptorString().replaceAll("^L|;$", "");
    }

    private void use(CompiledClass by, Use u) {
        reachClass(u.owner());
        switch (u.kind()) {
            case TYPE -> {}
            case ANNOTATED -> reachMade(u.owner());
            case READ -> reachField(u.owner(), u.member());
            case CALL -> {
                reachMethod(u.owner(), u.member());
                if (code.containsKey(u.owner()) && asksForConstants(by, u)) {
                    reachConstants(code.get(u.owner()));
                }
            }
            case NAME -> reachNamed(u.owner(), u.member());
        }
    }

    /**
     * Takes objects of the class as made by somebody else: who reads an annotation makes one of a
     * class that is named in it, or is the type of the field or the parameter that has it.
     */
    void reachMade(String name) {
        CompiledClass c = code.get(name);
        if (c != null) {
            reachClass(name);
            c.methods().keySet().stream()
                    .filter(m -> m.startsWith("<init>"))
                    .forEach(m -> reachMethod(name, m));
            reachConstants(c);
        }
    }

    private void reachConstants(CompiledClass c) {
        c.fields()
                .forEach((name, f) -> {
                    if (f.flags().has(AccessFlag.ENUM)) {
                        reachField(c.name(), name);
                    }
                });
    }

    /**
     * Who has all constants of an enumeration, or asks for one by its name, may have any. Not the
     * class that the compiler makes for a switch.
     */
    private static boolean asksForConstants(CompiledClass by, Use u) {
        boolean all = u.member().startsWith("values()") || u.member().startsWith("valueOf(");
        return all && !by.is(AccessFlag.SYNTHETIC);
    }

    private void reachNamed(String owner, String name) {
        CompiledClass c = code.get(owner);
        if (c != null) {
            reachField(owner, name);
            c.methods().keySet().stream()
                    .filter(m -> m.startsWith(name + "("))
                    .forEach(m -> reachMethod(owner, m));
        }
    }

    /** The class of ours that has the member, which is the owner or above it. */
    private CompiledClass declaring(String owner, String member) {
        CompiledClass c = code.get(owner);
        if (c == null || c.methods().containsKey(member) || c.fields().containsKey(member)) {
            return c;
        }
        for (String s : c.supers()) {
            CompiledClass found = declaring(s, member);
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    /** Follows all references of what has been reached. */
    void follow() {
        int before;
        do {
            before = reached.size();
            while (!open.isEmpty()) {
                open.pop().run();
            }
            code.values().stream()
                    .filter(c -> reached.contains(c.name()))
                    .forEach(this::reachOverrides);
        } while (reached.size() > before || !open.isEmpty());
    }

    /** The methods with which a class does what its super types promise. */
    private void reachOverrides(CompiledClass c) {
        for (String above : above(c)) {
            Optional<CompiledClass> type = type(above);
            if (type.isEmpty()) {
                c.methods()
                        .forEach((key, m) -> {
                            if (m.flags().has(AccessFlag.PUBLIC) && !key.startsWith("<")) {
                                reachMethod(c.name(), key);
                            }
                        });
                continue;
            }
            boolean ours = code.containsKey(above);
            type.get()
                    .methods()
                    .forEach((key, m) -> {
                        if (isOverridable(key, m)
                                && (!ours || reached.contains(above + "." + key))) {
                            reachMethod(c.name(), key);
                        }
                    });
        }
    }

    private static boolean isOverridable(String key, MethodModel m) {
        return !key.startsWith("<")
                && !m.flags().has(AccessFlag.STATIC)
                && !m.flags().has(AccessFlag.PRIVATE);
    }

    /** All types above, ours and others. */
    private Set<String> above(CompiledClass c) {
        Set<String> all = new LinkedHashSet<>();
        Deque<String> left = new ArrayDeque<>(c.supers());
        while (!left.isEmpty()) {
            String s = left.pop();
            if (all.add(s)) {
                type(s).ifPresent(t -> left.addAll(t.supers()));
            }
        }
        return all;
    }

    /** A class of ours, or of somebody else's if the tests have it. */
    private Optional<CompiledClass> type(String name) {
        CompiledClass own = code.get(name);
        return own != null ? Optional.of(own) : foreign.computeIfAbsent(name, DeadCode::load);
    }

    private static Optional<CompiledClass> load(String name) {
        try (InputStream in = ClassLoader.getSystemResourceAsStream(name + ".class")) {
            return in == null
                    ? Optional.empty()
                    : Optional.of(new CompiledClass(in.readAllBytes()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * What of these classes has not been reached: of a class that has not been, not its members.
     *
     * @param isNamed whether something names a constant, which the compiler leaves out of what uses
     *     it
     */
    Set<Part> unused(Collection<CompiledClass> of, BiPredicate<CompiledClass, String> isNamed) {
        Set<Part> found = new TreeSet<>();
        for (CompiledClass c : of) {
            if (reached.contains(c.name())) {
                addUnusedMembers(c, isNamed, found);
            } else if (!isUnseen(c) && !hasNamedConstant(c, isNamed)) {
                found.add(new Part(c, ""));
            }
        }
        return found;
    }

    /** What is not written as a class, or is part of one that has not been reached either. */
    private boolean isUnseen(CompiledClass c) {
        int nested = c.name().lastIndexOf('$');
        String outer = nested < 0 ? "" : c.name().substring(0, nested);
        return c.isPackageInfo()
                || c.is(AccessFlag.SYNTHETIC)
                || code.containsKey(outer) && !reached.contains(outer);
    }

    /** A class of constants alone is in no class file but its own. */
    private static boolean hasNamedConstant(
            CompiledClass c, BiPredicate<CompiledClass, String> isNamed) {
        return c.fields().entrySet().stream()
                .anyMatch(f -> isInlined(f.getValue()) && isNamed.test(c, f.getKey()));
    }

    private void addUnusedMembers(
            CompiledClass c, BiPredicate<CompiledClass, String> isNamed, Set<Part> found) {
        c.methods()
                .forEach((key, m) -> {
                    if (!reached.contains(c.name() + "." + key) && !isExpected(c, key, m)) {
                        found.add(new Part(c, key));
                    }
                });
        c.fields()
                .forEach((name, f) -> {
                    boolean used =
                            isInlined(f)
                                    ? isNamed.test(c, name)
                                    : reached.contains(c.name() + "." + name);
                    if (!used && !isExpected(c, name, f)) {
                        found.add(new Part(c, name));
                    }
                });
    }

    private static boolean isInlined(FieldModel f) {
        return f.findAttribute(Attributes.constantValue()).isPresent();
    }

    /**
     * Whether a method is there though nobody calls it: made by the compiler; called when objects
     * are written and read; or the private constructor of a class of which there are no objects.
     */
    private static boolean isExpected(CompiledClass c, String key, MethodModel m) {
        boolean ofEnum =
                key.startsWith("values()") || key.startsWith("valueOf(Ljava/lang/String;)");
        return m.flags().has(AccessFlag.SYNTHETIC)
                || c.is(AccessFlag.ENUM) && ofEnum
                || c.isRecordAccessor(key)
                || SERIALIZED.contains(key.substring(0, key.indexOf('(')))
                || key.equals("<init>()V") && m.flags().has(AccessFlag.PRIVATE);
    }

    private static boolean isExpected(CompiledClass c, String name, FieldModel f) {
        return f.flags().has(AccessFlag.SYNTHETIC)
                || SERIALIZED.contains(name)
                || c.isRecordAccessor(name + "()");
    }
}
