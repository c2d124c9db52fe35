// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa.generator;

import dev.faultline.cpu.x86.isa.Definition;
import dev.faultline.cpu.x86.isa.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * A form of an instruction of general registers: {@code execute} is the shape's meaning with these
 * operands filled in.
 *
 * @param condition of SETcc and its kin, as {@code Conditions} names it; else empty
 */
record GeneralForm(Definition definition, List<Operand> operands, boolean locked, String condition)
        implements Form {
    private static final String KERNEL = "kernel(";
    private static final String CHOICE = "condition ? ";

    private Shape shape() {
        return Objects.requireNonNull(definition.shape());
    }

    private Operand a() {
        return operands.get(0);
    }

    private Operand last() {
        return operands.get(operands.size() - 1);
    }

    /** By its name. */
    private Operand operand(String name) {
        return operands.stream().filter(o -> o.name().equals(name)).findFirst().orElseThrow();
    }

    @Override
    public String className() {
        String c = condition.isEmpty() ? "" : condition.toUpperCase(java.util.Locale.ROOT);
        String places = operands.stream().map(Operand::className).collect(Collectors.joining());
        return (locked ? "Lock" : "") + c + (c.isEmpty() || places.isEmpty() ? "" : "_") + places;
    }

    private boolean jumps() {
        return a().place() == Operand.Place.TARGET;
    }

    @Override
    public void write(JavaText t) {
        String base = jumps() ? "ConditionalOp" : locked ? "LockedOp" : memory() ? "MemOp" : "Op";
        String above = locked ? "d, " + a().size() : memory() || jumps() ? "d" : "";
        writeHead(t, base, above);
        t.blank().lines("@Override");
        if (locked) {
            writeApply(t);
        } else {
            writeExecute(t);
        }
        t.close();
    }

    private void writeExecute(JavaText t) {
        t.open("public int execute(VcpuContext v)");
        for (int i = 0; i < operands.size(); i++) {
            Operand o = operands.get(i);
            if (o.memory()) {
                t.lines("long h = %s(v, %d);".formatted(probe(shape().roles.get(i)), o.size()));
                t.open("if (h < 0)").lines("return FAULT;").close();
            }
        }
        String[] sides = shape().meaning.split(" = ");
        String statements = sides.length == 1 ? effect(sides[0]) : a().store(result(sides[1]));
        if (statements.contains("r[") || shiftsByCl()) {
            t.lines("long[] r = v.gpr;");
        }
        if (shiftsByCl()) {
            int mask = a().size() == 8 ? 63 : 31;
            t.lines("int %s = (int) r[1] & %d;".formatted(last().name(), mask));
        }
        t.lines(statements);
        boolean stores = sides.length == 2 && a().memory();
        if (!jumps()) {
            t.lines(stores ? "return Mem.commit(v, h);" : "return NEXT;");
        }
        t.close();
    }

    private static String probe(String role) {
        return switch (role) {
            case "r" -> "read";
            case "w" -> "write";
            default -> "readWrite";
        };
    }

    private boolean shiftsByCl() {
        return last().place() == Operand.Place.CL;
    }

    /** What changes flags or RIP only. */
    private String effect(String meaning) {
        if (jumps()) {
            return "return Conditions.%s(v) ? jump(v) : NEXT;".formatted(condition);
        }
        if (!meaning.startsWith(KERNEL)) {
            throw new IllegalStateException("meaning of the shape " + shape() + ": " + meaning);
        }
        return kernel(meaning, a().value()) + ";";
    }

    /** The value of the right side, of type long, zero-extended from the size of a. */
    private Expression result(String meaning) {
        if (Forms.shifts(shape())) {
            Expression same = a().zeroExtended();
            return switch (last().place()) {
                case ZERO -> same;
                case CL -> last().value().isZero().choose(same, kernel(meaning, a().value()));
                default -> kernel(meaning, a().value());
            };
        }
        if (meaning.startsWith(KERNEL)) {
            return kernel(meaning, a().value());
        }
        if (meaning.startsWith(CHOICE)) {
            String[] two = meaning.substring(CHOICE.length()).split(" : ");
            return Expression.of("Conditions." + condition + "(v)")
                    .choose(plain(two[0]), plain(two[1]));
        }
        if (meaning.startsWith("signed(")) {
            Expression x = last().signExtended();
            return a().size() == 8 ? x : x.and(a().mask());
        }
        return plain(meaning);
    }

    private Expression plain(String x) {
        return switch (x) {
            case "a" -> a().zeroExtended();
            case "b" -> last().zeroExtended();
            default -> Expression.of(Integer.toString(Integer.parseInt(x)));
        };
    }

    /**
     * The call of the kernel.
     *
     * @param valueOfA what it is given for a
     */
    private Expression kernel(String meaning, Expression valueOfA) {
        List<String> arguments = new ArrayList<>();
        if (!definition.flags().none()) {
            arguments.add("v");
        }
        for (String name : meaning.substring(KERNEL.length(), meaning.length() - 1).split(", ")) {
            arguments.add((name.equals("a") ? valueOfA : operand(name).value()).text());
        }
        return Expression.of(
                "%s%d(%s)"
                        .formatted(
                                definition.kernel(), a().size() * 8, String.join(", ", arguments)));
    }

    /** With LOCK, {@code LockedOp} does all but the computation. */
    private void writeApply(JavaText t) {
        Expression there = Expression.of("a");
        Expression x =
                kernel(
                        shape().meaning.split(" = ")[1],
                        a().size() == 8 ? there : there.cast("int"));
        t.open("protected long apply(VcpuContext v, long a)");
        if (x.text().contains("r[")) {
            t.lines("long[] r = v.gpr;");
        }
        t.lines("return " + x + ";").close();
    }
}
