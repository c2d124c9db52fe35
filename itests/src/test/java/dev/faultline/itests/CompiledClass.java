// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import java.io.IOException;
import java.lang.classfile.Annotation;
import java.lang.classfile.AnnotationElement;
import java.lang.classfile.AnnotationValue;
import java.lang.classfile.Attribute;
import java.lang.classfile.AttributedElement;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeModel;
import java.lang.classfile.FieldModel;
import java.lang.classfile.MethodModel;
import java.lang.classfile.Opcode;
import java.lang.classfile.attribute.ExceptionsAttribute;
import java.lang.classfile.attribute.RecordComponentInfo;
import java.lang.classfile.attribute.RuntimeInvisibleAnnotationsAttribute;
import java.lang.classfile.attribute.RuntimeInvisibleParameterAnnotationsAttribute;
import java.lang.classfile.attribute.RuntimeVisibleAnnotationsAttribute;
import java.lang.classfile.attribute.RuntimeVisibleParameterAnnotationsAttribute;
import java.lang.classfile.attribute.SignatureAttribute;
import java.lang.classfile.constantpool.ClassEntry;
import java.lang.classfile.instruction.ConstantInstruction;
import java.lang.classfile.instruction.ExceptionCatch;
import java.lang.classfile.instruction.FieldInstruction;
import java.lang.classfile.instruction.InvokeDynamicInstruction;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.classfile.instruction.NewMultiArrayInstruction;
import java.lang.classfile.instruction.NewObjectInstruction;
import java.lang.classfile.instruction.NewReferenceArrayInstruction;
import java.lang.classfile.instruction.TypeCheckInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDesc;
import java.lang.constant.DirectMethodHandleDesc;
import java.lang.constant.DynamicConstantDesc;
import java.lang.constant.MethodTypeDesc;
import java.lang.reflect.AccessFlag;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A class as its file tells it: its members, and what each of them refers to. */
final class CompiledClass {
    private static final Pattern TYPE = Pattern.compile("L([\\w/$]+)[;<]");

    /** Methods of the JDK that find a member by its name. */
    private static final Pattern FINDERS =
            Pattern.compile(
                    "java/lang/invoke/.*\\.find\\w+|java/util/concurrent/atomic/.*\\.newUpdater");

    /** How one part of the code refers to another. */
    enum Kind {
        /** Names a type. */
        TYPE,
        /** Has a type in an annotation, for whoever reads the annotation. */
        ANNOTATED,
        /** Calls a method, or makes a handle of it. */
        CALL,
        /** Reads a field: one that is only written is not used. */
        READ,
        /** Gives a member's name to what finds members by name. */
        NAME
    }

    /**
     * A reference.
     *
     * @param owner internal name of the class
     * @param member key of the method or the name of the field; empty for a type
     */
    record Use(Kind kind, String owner, String member) {}

    private final ClassModel model;
    private final Map<String, MethodModel> methods = new TreeMap<>();
    private final Map<String, FieldModel> fields = new TreeMap<>();

    CompiledClass(byte[] file) {
        model = ClassFile.of().parse(file);
        model.methods().forEach(m -> methods.put(key(m), m));
        model.fields().forEach(f -> fields.put(f.fieldName().stringValue(), f));
    }

    /** All of a folder and below. */
    static List<CompiledClass> in(Path folder) throws IOException {
        List<CompiledClass> all = new ArrayList<>();
        if (Files.isDirectory(folder)) {
            try (Stream<Path> files = Files.walk(folder)) {
                for (Path p : files.filter(f -> f.toString().endsWith(".class")).toList()) {
                    all.add(new CompiledClass(Files.readAllBytes(p)));
                }
            }
        }
        return all;
    }

    private static String key(MethodModel m) {
        return m.methodName().stringValue() + m.methodType().stringValue();
    }

    String name() {
        return model.thisClass().asInternalName();
    }

    String packageName() {
        return name().substring(0, Math.max(0, name().lastIndexOf('/')));
    }

    /** As its own source calls it. */
    String simpleName() {
        return name().substring(Math.max(name().lastIndexOf('/'), name().lastIndexOf('$')) + 1);
    }

    /** The source file: its path below the root of its packages, without the extension. */
    String file() {
        String source =
                model.findAttribute(Attributes.sourceFile())
                        .map(f -> f.sourceFile().stringValue().replace(".java", ""))
                        .orElse("");
        return packageName().isEmpty() ? source : packageName() + "/" + source;
    }

    /** The super class, if there is one, then the interfaces. */
    List<String> supers() {
        List<String> all = new ArrayList<>();
        model.superclass().ifPresent(c -> all.add(c.asInternalName()));
        model.interfaces().forEach(c -> all.add(c.asInternalName()));
        return all;
    }

    /** By name and descriptor, {@code run()V}. */
    Map<String, MethodModel> methods() {
        return methods;
    }

    Map<String, FieldModel> fields() {
        return fields;
    }

    boolean is(AccessFlag flag) {
        return model.flags().has(flag);
    }

    boolean isPackageInfo() {
        return name().endsWith("/package-info");
    }

    boolean isRecordAccessor(String key) {
        return components().stream().anyMatch(c -> key.startsWith(c.name().stringValue() + "()"));
    }

    private List<RecordComponentInfo> components() {
        return model.findAttribute(Attributes.record()).map(r -> r.components()).orElse(List.of());
    }

    List<Annotation> annotations() {
        return annotations(model);
    }

    static List<Annotation> annotations(AttributedElement of) {
        List<Annotation> all = new ArrayList<>();
        for (Attribute<?> a : of.attributes()) {
            switch (a) {
                case RuntimeVisibleAnnotationsAttribute v -> all.addAll(v.annotations());
                case RuntimeInvisibleAnnotationsAttribute i -> all.addAll(i.annotations());
                case RuntimeVisibleParameterAnnotationsAttribute v ->
                        v.parameterAnnotations().forEach(all::addAll);
                case RuntimeInvisibleParameterAnnotationsAttribute i ->
                        i.parameterAnnotations().forEach(all::addAll);
                default -> {}
            }
        }
        return all;
    }

    /** All texts in an annotation, of all elements. */
    static List<String> texts(Annotation a) {
        List<String> texts = new ArrayList<>();
        a.elements().forEach(e -> texts(e.value(), texts));
        return texts;
    }

    private static void texts(AnnotationValue v, List<String> into) {
        switch (v) {
            case AnnotationValue.OfString s -> into.add(s.stringValue());
            case AnnotationValue.OfArray a -> a.values().forEach(x -> texts(x, into));
            default -> {}
        }
    }

    /** What the class refers to by being there. */
    Set<Use> uses() {
        Set<Use> uses = new LinkedHashSet<>();
        supers().forEach(s -> uses.add(new Use(Kind.TYPE, s, "")));
        describe(model, uses::add);
        components().forEach(c -> types(c.descriptor().stringValue(), uses::add));
        return uses;
    }

    Set<Use> uses(FieldModel f) {
        Set<Use> uses = new LinkedHashSet<>();
        types(f.fieldType().stringValue(), uses::add);
        describe(f, uses::add);
        return uses;
    }

    Set<Use> uses(MethodModel m) {
        Set<Use> uses = new LinkedHashSet<>();
        types(m.methodType().stringValue(), uses::add);
        describe(m, uses::add);
        m.findAttribute(Attributes.annotationDefault())
                .ifPresent(d -> value(d.defaultValue(), uses::add));
        m.code().ifPresent(c -> code(c, uses::add));
        return uses;
    }

    /** What stands beside a class, a method or a field. */
    private static void describe(AttributedElement e, Consumer<Use> uses) {
        for (Attribute<?> a : e.attributes()) {
            switch (a) {
                case SignatureAttribute s -> types(s.signature().stringValue(), uses);
                case ExceptionsAttribute x -> x.exceptions().forEach(c -> type(c, uses));
                default -> {}
            }
        }
        annotations(e).forEach(a -> annotation(a, uses));
    }

    private static void annotation(Annotation a, Consumer<Use> uses) {
        types(a.className().stringValue(), uses);
        for (AnnotationElement e : a.elements()) {
            value(e.value(), uses);
        }
    }

    private static void value(AnnotationValue v, Consumer<Use> uses) {
        switch (v) {
            case AnnotationValue.OfClass c ->
                    names(c.className().stringValue())
                            .forEach(n -> uses.accept(new Use(Kind.ANNOTATED, n, "")));
            case AnnotationValue.OfEnum e ->
                    names(e.className().stringValue())
                            .forEach(n ->
                                    uses.accept(
                                            new Use(Kind.READ, n, e.constantName().stringValue())));
            case AnnotationValue.OfAnnotation n -> annotation(n.annotation(), uses);
            case AnnotationValue.OfArray a -> a.values().forEach(x -> value(x, uses));
            default -> {}
        }
    }

    private static void code(CodeModel code, Consumer<Use> uses) {
        Set<String> classes = new LinkedHashSet<>();
        Set<String> texts = new LinkedHashSet<>();
        boolean finds = false;
        for (CodeElement e : code) {
            element(e, uses);
            if (e instanceof ConstantInstruction c && c.constantValue() instanceof ClassDesc d) {
                classes.addAll(names(d.descriptorString()));
            } else if (e instanceof ConstantInstruction c
                    && c.constantValue() instanceof String s) {
                texts.add(s);
            } else if (e instanceof InvokeInstruction i) {
                finds |= finds(i);
            }
        }
        if (finds) {
            classes.forEach(c -> texts.forEach(t -> uses.accept(new Use(Kind.NAME, c, t))));
        }
    }

    private static boolean finds(InvokeInstruction i) {
        return FINDERS.matcher(i.owner().asInternalName() + "." + i.name().stringValue()).matches();
    }

    private static void element(CodeElement e, Consumer<Use> uses) {
        switch (e) {
            case InvokeInstruction i ->
                    call(i.owner(), i.name().stringValue() + i.type().stringValue(), uses);
            case FieldInstruction f -> field(f, uses);
            case NewObjectInstruction n -> type(n.className(), uses);
            case NewReferenceArrayInstruction n -> type(n.componentType(), uses);
            case NewMultiArrayInstruction n -> type(n.arrayType(), uses);
            case TypeCheckInstruction t -> type(t.type(), uses);
            case ExceptionCatch c -> c.catchType().ifPresent(t -> type(t, uses));
            case ConstantInstruction c -> constant(c.constantValue(), uses);
            case InvokeDynamicInstruction i -> {
                types(i.type().stringValue(), uses);
                constant(i.bootstrapMethod(), uses);
                i.bootstrapArgs().forEach(a -> constant(a, uses));
            }
            default -> {}
        }
    }

    private static void field(FieldInstruction f, Consumer<Use> uses) {
        type(f.owner(), uses);
        types(f.type().stringValue(), uses);
        if (f.opcode() == Opcode.GETFIELD || f.opcode() == Opcode.GETSTATIC) {
            uses.accept(new Use(Kind.READ, f.owner().asInternalName(), f.name().stringValue()));
        }
    }

    private static void constant(ConstantDesc c, Consumer<Use> uses) {
        switch (c) {
            case ClassDesc d -> types(d.descriptorString(), uses);
            case MethodTypeDesc d -> types(d.descriptorString(), uses);
            case DirectMethodHandleDesc d -> handle(d, uses);
            case DynamicConstantDesc<?> d -> {
                handle(d.bootstrapMethod(), uses);
                d.bootstrapArgsList().forEach(a -> constant(a, uses));
            }
            case null, default -> {}
        }
    }

    private static void handle(DirectMethodHandleDesc d, Consumer<Use> uses) {
        types(d.lookupDescriptor(), uses);
        for (String owner : names(d.owner().descriptorString())) {
            uses.accept(new Use(Kind.TYPE, owner, ""));
            switch (d.kind()) {
                case GETTER, STATIC_GETTER ->
                        uses.accept(new Use(Kind.READ, owner, d.methodName()));
                case SETTER, STATIC_SETTER -> {}
                default ->
                        uses.accept(
                                new Use(Kind.CALL, owner, d.methodName() + d.lookupDescriptor()));
            }
        }
    }

    private static void call(ClassEntry owner, String key, Consumer<Use> uses) {
        type(owner, uses);
        types(key.substring(key.indexOf('(')), uses);
        uses.accept(new Use(Kind.CALL, owner.asInternalName(), key));
    }

    private static void type(ClassEntry c, Consumer<Use> uses) {
        types(c.asSymbol().descriptorString(), uses);
    }

    private static void types(String descriptor, Consumer<Use> uses) {
        names(descriptor).forEach(n -> uses.accept(new Use(Kind.TYPE, n, "")));
    }

    /** The types a descriptor or a signature names. */
    private static List<String> names(String descriptor) {
        List<String> names = new ArrayList<>();
        Matcher m = TYPE.matcher(descriptor);
        while (m.find()) {
            names.add(m.group(1));
        }
        return names;
    }
}
