// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa.generator;

/** Java source that is being written: keeps the indentation. */
final class JavaText {
    private static final String STEP = "    ";

    private final StringBuilder text = new StringBuilder();
    private String indentation = "";

    /** One or more lines. */
    JavaText lines(String lines) {
        lines.lines().forEach(l -> text.append(l.isEmpty() ? "" : indentation + l).append('\n'));
        return this;
    }

    JavaText blank() {
        text.append('\n');
        return this;
    }

    /** A line that ends with a brace, which {@link #close} closes. */
    JavaText open(String line) {
        lines(line + " {");
        indentation += STEP;
        return this;
    }

    JavaText close() {
        return close("");
    }

    /**
     * @param after what follows the brace
     */
    JavaText close(String after) {
        indentation = indentation.substring(STEP.length());
        return lines("}" + after);
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
