// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa.generator;

import dev.faultline.cpu.x86.isa.Definition;
import java.util.List;
import java.util.stream.Collectors;

/** One form of an instruction: its operands at their places, with their sizes. Becomes a class. */
sealed interface Form permits GeneralForm, VectorForm {
    Definition definition();

    List<Operand> operands();

    String className();

    /** Writes the class. */
    void write(JavaText t);

    /** Whether an operand is in memory. */
    default boolean memory() {
        return operands().stream().anyMatch(Operand::memory);
    }

    /**
     * The head of the class, its fields and its constructor.
     *
     * @param above arguments for the constructor of the base class; empty: not called
     */
    default void writeHead(JavaText t, String base, String above) {
        t.blank().open("private static final class " + className() + " extends " + base);
        operands().forEach(o -> t.lines(o.fields()));
        if (operands().stream().anyMatch(o -> !o.fields().isEmpty())) {
            t.blank();
        }
        String given =
                operands().stream()
                        .filter(Operand::given)
                        .map(o -> ", int " + o.name())
                        .collect(Collectors.joining());
        t.open(className() + "(Decoded d" + given + ")");
        if (!above.isEmpty()) {
            t.lines("super(" + above + ");");
        }
        operands().forEach(o -> t.lines(o.assignments(definition().kernel())));
        t.close();
    }
}
