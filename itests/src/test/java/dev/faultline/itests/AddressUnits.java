// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import com.sun.source.tree.AssignmentTree;
import com.sun.source.tree.BinaryTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.ConditionalExpressionTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.LambdaExpressionTree;
import com.sun.source.tree.MethodInvocationTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.NewClassTree;
import com.sun.source.tree.ParenthesizedTree;
import com.sun.source.tree.ReturnTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.TypeCastTree;
import com.sun.source.tree.UnaryTree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePath;
import com.sun.source.util.TreePathScanner;
import com.sun.source.util.Trees;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import javax.lang.model.element.AnnotationMirror;
import javax.lang.model.element.Element;
import javax.lang.model.element.ElementKind;
import javax.lang.model.element.ExecutableElement;
import javax.lang.model.element.VariableElement;
import javax.lang.model.type.TypeKind;
import javax.lang.model.type.TypeMirror;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * Finds where an address of one space is taken for one of another: passed, returned, assigned or
 * compared. The space of a variable or a method is what its type is annotated with, else what its
 * name ends with; that of an expression follows from its parts. What has none is not judged.
 */
final class AddressUnits extends TreePathScanner<Void, Void> {
    enum Unit {
        GPA,
        GFN,
        GVA,
        HVA
    }

    private static final String ANNOTATIONS = "dev.faultline.api.address.";
    private static final Set<String> PAGE_SHIFTS = Set.of("12", "SHIFT", "Page.SHIFT");
    private static final Set<String> PAGE_SIZES = Set.of("4096", "SIZE", "Page.SIZE");

    private final List<String> found = new ArrayList<>();
    private final List<String> undeclared = new ArrayList<>();
    private final Map<String, Set<Unit>> taken = new TreeMap<>();
    private final Trees trees;
    private CompilationUnitTree file;
    private int judged;

    private AddressUnits(Trees trees) {
        this.trees = trees;
    }

    /**
     * @param found what is taken for another space's
     * @param judged values of a known space that went where one is expected
     * @param undeclared of the API: what is an address by its name and has no annotation
     * @param taken of the API: by a method's name, the spaces that methods of that name take first
     */
    record Result(
            List<String> found,
            int judged,
            List<String> undeclared,
            Map<String, Set<Unit>> taken) {}

    /** Of these sources; what of theirs cannot be resolved is not judged. */
    static Result of(List<Path> sources, String classPath) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
            return of(compiler, files, files.getJavaFileObjectsFromPaths(sources), classPath);
        }
    }

    static Result of(
            JavaCompiler compiler,
            StandardJavaFileManager files,
            Iterable<? extends JavaFileObject> sources,
            String classPath)
            throws IOException {
        List<String> options =
                List.of(
                        "-proc:none",
                        "-cp",
                        classPath,
                        "--should-stop=ifError=FLOW",
                        "-Xlint:none");
        JavacTask task = (JavacTask) compiler.getTask(null, files, d -> {}, options, null, sources);
        AddressUnits units = new AddressUnits(Trees.instance(task));
        List<CompilationUnitTree> parsed = new ArrayList<>();
        task.parse().forEach(parsed::add);
        task.analyze();
        for (CompilationUnitTree unit : parsed) {
            units.file = unit;
            units.scan(unit, null);
        }
        return new Result(units.found, units.judged, units.undeclared, units.taken);
    }

    @Override
    public Void visitMethod(MethodTree method, Void none) {
        if (isApi() && element(method) instanceof ExecutableElement m) {
            declares(m, m.getReturnType());
            for (VariableElement parameter : m.getParameters()) {
                Unit unit = of(parameter);
                if (unit != null && m.getKind() == ElementKind.METHOD) {
                    taken.computeIfAbsent(m.getSimpleName().toString(), k -> new TreeSet<>())
                            .add(unit);
                    break;
                }
            }
        }
        return super.visitMethod(method, none);
    }

    private boolean isApi() {
        return file.getPackageName() != null
                && file.getPackageName().toString().startsWith("dev.faultline.api");
    }

    private void declares(Element e, TypeMirror type) {
        String name = e.getSimpleName().toString();
        if (type.getKind() == TypeKind.LONG && named(name) != null && annotated(type) == null) {
            undeclared.add("%s of %s".formatted(name, e.getEnclosingElement()));
        }
    }

    @Override
    public Void visitMethodInvocation(MethodInvocationTree call, Void none) {
        arguments(element(call), call.getArguments());
        return super.visitMethodInvocation(call, none);
    }

    @Override
    public Void visitNewClass(NewClassTree made, Void none) {
        arguments(element(made), made.getArguments());
        return super.visitNewClass(made, none);
    }

    private void arguments(Element called, List<? extends ExpressionTree> arguments) {
        if (called instanceof ExecutableElement method) {
            List<? extends VariableElement> parameters = method.getParameters();
            for (int i = 0; i < Math.min(parameters.size(), arguments.size()); i++) {
                judge(of(parameters.get(i)), arguments.get(i), method.getSimpleName() + " takes");
            }
        }
    }

    @Override
    public Void visitVariable(VariableTree variable, Void none) {
        Element declared = element(variable);
        if (isApi() && declared != null && declared.getKind() != ElementKind.LOCAL_VARIABLE) {
            declares(declared, declared.asType());
        }
        if (variable.getInitializer() != null) {
            judge(of(declared), variable.getInitializer(), variable.getName() + " is");
        }
        return super.visitVariable(variable, none);
    }

    @Override
    public Void visitAssignment(AssignmentTree assignment, Void none) {
        ExpressionTree to = assignment.getVariable();
        judge(of(element(to)), assignment.getExpression(), to + " is");
        return super.visitAssignment(assignment, none);
    }

    @Override
    public Void visitReturn(ReturnTree returned, Void none) {
        TreePath at = getCurrentPath();
        while (!(at.getLeaf() instanceof MethodTree)
                && !(at.getLeaf() instanceof LambdaExpressionTree)) {
            at = at.getParentPath();
        }
        if (at.getLeaf() instanceof MethodTree method && returned.getExpression() != null) {
            judge(
                    of(trees.getElement(at)),
                    returned.getExpression(),
                    method.getName() + " answers");
        }
        return super.visitReturn(returned, none);
    }

    @Override
    public Void visitBinary(BinaryTree b, Void none) {
        switch (b.getKind()) {
            case EQUAL_TO,
                    NOT_EQUAL_TO,
                    LESS_THAN,
                    LESS_THAN_EQUAL,
                    GREATER_THAN,
                    GREATER_THAN_EQUAL ->
                    judge(
                            unit(b.getLeftOperand()),
                            b.getRightOperand(),
                            b.getLeftOperand() + ", which it is compared with, is");
            default -> {}
        }
        return super.visitBinary(b, none);
    }

    private void judge(Unit expected, ExpressionTree value, String what) {
        Unit is = expected == null ? null : unit(value);
        if (is == null) {
            return;
        }
        judged++;
        if (is != expected) {
            long at = trees.getSourcePositions().getStartPosition(file, value);
            found.add(
                    "%s:%d: %s is a %s; %s a %s"
                            .formatted(
                                    Path.of(file.getSourceFile().getName()).getFileName(),
                                    file.getLineMap().getLineNumber(at),
                                    value,
                                    is,
                                    what,
                                    expected));
        }
    }

    private Element element(Tree tree) {
        return trees.getElement(new TreePath(getCurrentPath(), tree));
    }

    private Unit unit(ExpressionTree e) {
        return switch (e) {
            case ParenthesizedTree p -> unit(p.getExpression());
            case TypeCastTree c ->
                    c.getType().toString().equals("long") ? unit(c.getExpression()) : null;
            case ConditionalExpressionTree c -> both(c.getTrueExpression(), c.getFalseExpression());
            case BinaryTree b -> unit(b);
            case MethodInvocationTree m
                    when m.getMethodSelect().toString().matches("Math.m(in|ax)") ->
                    both(m.getArguments().get(0), m.getArguments().get(1));
            default -> of(element(e));
        };
    }

    private Unit unit(BinaryTree b) {
        ExpressionTree left = b.getLeftOperand();
        ExpressionTree right = b.getRightOperand();
        return switch (b.getKind()) {
            case PLUS, OR -> both(left, right);
            case MINUS -> unit(right) == null ? unit(left) : null; // else a distance
            case AND -> keepsAddress(right) ? unit(left) : null;
            case UNSIGNED_RIGHT_SHIFT, RIGHT_SHIFT -> pageOf(left, right, PAGE_SHIFTS);
            case DIVIDE -> pageOf(left, right, PAGE_SIZES);
            case LEFT_SHIFT -> byteOf(left, right, PAGE_SHIFTS);
            case MULTIPLY -> byteOf(left, right, PAGE_SIZES);
            default -> null;
        };
    }

    private Unit both(ExpressionTree a, ExpressionTree b) {
        Unit first = unit(a);
        Unit second = unit(b);
        return first == null || first == second ? second : second == null ? first : null;
    }

    /** Of masks: those that clear low bits. */
    private static boolean keepsAddress(ExpressionTree mask) {
        return mask instanceof UnaryTree || mask.toString().equals("Page.MASK");
    }

    private Unit pageOf(ExpressionTree left, ExpressionTree right, Set<String> page) {
        return unit(left) == Unit.GPA && page.contains(right.toString()) ? Unit.GFN : null;
    }

    private Unit byteOf(ExpressionTree left, ExpressionTree right, Set<String> page) {
        return unit(left) == Unit.GFN && page.contains(right.toString()) ? Unit.GPA : null;
    }

    /** Of what the element is declared to be. */
    private static Unit of(Element e) {
        return switch (e) {
            case VariableElement v -> declared(v.asType(), v.getSimpleName().toString());
            case ExecutableElement m -> declared(m.getReturnType(), m.getSimpleName().toString());
            case null, default -> null;
        };
    }

    private static Unit declared(TypeMirror type, String name) {
        if (type.getKind() != TypeKind.LONG) {
            return null;
        }
        Unit annotated = annotated(type);
        return annotated == null ? named(name) : annotated;
    }

    private static Unit annotated(TypeMirror type) {
        for (AnnotationMirror a : type.getAnnotationMirrors()) {
            String annotation = a.getAnnotationType().toString();
            if (annotation.startsWith(ANNOTATIONS)) {
                String name = annotation.substring(ANNOTATIONS.length());
                return Unit.valueOf(name.toUpperCase(Locale.ROOT));
            }
        }
        return null;
    }

    private static Unit named(String name) {
        if (name.equals("lin")) {
            return Unit.GVA;
        }
        for (Unit unit : Unit.values()) {
            String lower = unit.name().toLowerCase(Locale.ROOT);
            if (name.equals(lower) || name.endsWith(unit.name().charAt(0) + lower.substring(1))) {
                return unit;
            }
        }
        return null;
    }
}
