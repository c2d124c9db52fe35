// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa.generator;

/**
 * A Java expression that is being put together: gets parentheses where precedence wants them.
 *
 * @param binding how strongly its outermost operator binds; see the constants
 */
record Expression(String text, int binding) {
    private static final int CHOICE = 0;
    private static final int OR = 1;
    private static final int AND = 2;
    private static final int COMPARISON = 3;
    private static final int SHIFT = 4;
    private static final int CAST = 5;
    private static final int PRIMARY = 6;

    /** A name, literal, element or call. */
    static Expression of(String text) {
        return new Expression(text, PRIMARY);
    }

    private String atLeast(int binding) {
        return this.binding >= binding ? text : "(" + text + ")";
    }

    Expression cast(String type) {
        return new Expression("(" + type + ") " + atLeast(CAST), CAST);
    }

    Expression shiftedLeft(String count) {
        return new Expression(atLeast(SHIFT) + " << " + count, SHIFT);
    }

    Expression shiftedRight(String count) {
        return new Expression(atLeast(SHIFT) + " >>> " + count, SHIFT);
    }

    Expression and(String mask) {
        return new Expression(atLeast(AND) + " & " + mask, AND);
    }

    Expression or(Expression other) {
        return new Expression(atLeast(OR) + " | " + other.atLeast(OR + 1), OR);
    }

    Expression isZero() {
        return new Expression(atLeast(COMPARISON + 1) + " == 0", COMPARISON);
    }

    /** This, a condition, decides. */
    Expression choose(Expression yes, Expression no) {
        return new Expression(
                atLeast(CHOICE + 1) + " ? " + yes.atLeast(CHOICE + 1) + " : " + no.atLeast(CHOICE),
                CHOICE);
    }

    @Override
    public String toString() {
        return text;
    }
}
