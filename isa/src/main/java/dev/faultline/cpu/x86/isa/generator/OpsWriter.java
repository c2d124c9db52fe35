// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa.generator;

import dev.faultline.cpu.x86.isa.Definition;
import dev.faultline.cpu.x86.isa.OperandCode;
import dev.faultline.cpu.x86.isa.Row;
import dev.faultline.cpu.x86.isa.Shape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Writes the class of one instruction that has a shape: an Op class per form, and for the rows with
 * the same operands a method that chooses among them.
 */
final class OpsWriter {
    /** The immediate says which operation. */
    private static final Set<Shape> CHOOSING =
            Set.of(
                    Shape.SCALAR_SINGLE_BY,
                    Shape.SCALAR_DOUBLE_BY,
                    Shape.PACKED_SINGLE_BY,
                    Shape.PACKED_DOUBLE_BY);

    private static final int[] SIZES = {2, 4, 8};
    private static final List<String> NAMES = List.of("a", "b", "c");

    private final Definition definition;
    private final Shape shape;
    private final String className;
    private final List<Row> rows;
    private final JavaText makers = new JavaText();
    private final Map<String, Form> forms = new LinkedHashMap<>();

    /**
     * @param rows of the definition, one for each maker
     */
    OpsWriter(Definition definition, String className, List<Row> rows) {
        this.definition = definition;
        shape = Objects.requireNonNull(definition.shape());
        this.className = className;
        this.rows = rows;
    }

    String write() {
        JavaText body = new JavaText();
        body.lines("/** {@code " + definition.line() + "}. */");
        body.open("final class " + className);
        body.lines("private " + className + "() {}");
        rows.forEach(this::writeMaker);
        body.lines(makers.toString());
        forms.values().forEach(f -> f.write(body));
        body.close();
        return Generator.source(definition.family(), body);
    }

    /** Whether the count of a shift is an immediate, not CL or 1. */
    private static boolean countInCode(Row row) {
        OperandCode last = row.codes.get(row.codes.size() - 1);
        return last.kind() == OperandCode.Kind.IMMEDIATE && !last.size().isEmpty();
    }

    private void writeMaker(Row row) {
        makers.blank().lines("/** {@code " + row + "} and its like. */");
        makers.open("static Op " + Forms.makerName(row) + "(Decoded d)");
        if (Forms.shifts(shape) && countInCode(row)) {
            makers.lines(
                    Forms.sizes(row) == Forms.Sizes.FIXED
                            ? "int n = (int) d.imm & 31;"
                            : "int n = (int) d.imm & (d.operandSize == 8 ? 63 : 31);");
            makers.open("if (n == 0)");
            writeChoices(row, true);
            makers.close();
        }
        writeChoices(row, false);
        makers.close();
    }

    private void writeChoices(Row row, boolean zero) {
        if (row.lockable) {
            makers.open("if (d.lock)").lines(choice(row, true, true, false)).close();
        }
        boolean can = row.codes.stream().anyMatch(OperandCode::mayBeMemory);
        if (can && row.form == Row.Form.ANY) {
            makers.open("if (d.mem)").lines(choice(row, true, false, zero)).close();
        }
        makers.lines(choice(row, row.form == Row.Form.MEMORY, false, zero));
    }

    /** A return statement. */
    private String choice(Row row, boolean mem, boolean lock, boolean zero) {
        Forms.Sizes sizes = Forms.sizes(row);
        if (sizes == Forms.Sizes.FIXED) {
            return "return " + construction(form(row, 1, mem, lock, zero), row.codes) + ";";
        }
        StringBuilder s = new StringBuilder("return switch (" + sizes.java + ") {\n");
        for (int size : SIZES) {
            if (size > 2 || sizes == Forms.Sizes.OPERAND_SIZE) {
                s.append(size == 8 ? "    default -> " : "    case " + size + " -> ")
                        .append(construction(form(row, size, mem, lock, zero), row.codes))
                        .append(";\n");
            }
        }
        return s.append("};").toString();
    }

    private Form form(Row row, int size, boolean mem, boolean lock, boolean zero) {
        Operand.Place immediate =
                Forms.shifts(shape)
                        ? zero ? Operand.Place.ZERO : Operand.Place.COUNT
                        : !shape.vector
                                ? Operand.Place.IMMEDIATE
                                : CHOOSING.contains(shape)
                                        ? Operand.Place.OPERATION
                                        : Operand.Place.BYTE;
        List<Operand> operands = new ArrayList<>();
        List<OperandCode> codes = row.codes;
        int first = Forms.size(codes.get(0), size, 0);
        for (int i = 0; i < codes.size(); i++) {
            if (zero && i == 1 && codes.size() == 3) {
                continue; // no bit of it comes in
            }
            operands.add(
                    new Operand(
                            NAMES.get(i),
                            Forms.place(codes.get(i), mem, immediate),
                            Forms.size(codes.get(i), size, first)));
        }
        String condition = row.condition < 0 ? "" : Forms.CONDITIONS.get(row.condition);
        Form f =
                shape.vector
                        ? new VectorForm(definition, operands)
                        : new GeneralForm(definition, operands, lock, condition);
        forms.putIfAbsent(f.className(), f);
        return f;
    }

    private static String construction(Form f, List<OperandCode> codes) {
        List<String> arguments = new ArrayList<>(List.of("d"));
        for (Operand o : f.operands()) {
            OperandCode code = codes.get(NAMES.indexOf(o.name()));
            if (o.register()) {
                arguments.add(Forms.register(code));
            } else if (o.place() == Operand.Place.COUNT) {
                arguments.add(code.size().isEmpty() ? "1" : "n");
            }
        }
        return "new %s(%s)"
                .formatted(f.className(), arguments.stream().collect(Collectors.joining(", ")));
    }
}
