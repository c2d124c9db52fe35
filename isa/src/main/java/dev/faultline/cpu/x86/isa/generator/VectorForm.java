// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa.generator;

import dev.faultline.cpu.x86.isa.Definition;
import dev.faultline.cpu.x86.isa.Shape;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * A form of an instruction of XMM or MMX registers. Whether they may be used is looked at first,
 * then alignment, segment and page, then floating-point exceptions.
 */
record VectorForm(Definition definition, List<Operand> operands) implements Form {
    private Shape shape() {
        return Objects.requireNonNull(definition.shape());
    }

    private Operand a() {
        return operands.get(0);
    }

    private Operand b() {
        return operands.get(1);
    }

    /** Whether the immediate chooses the operation. */
    private boolean chosen() {
        return operands.stream().anyMatch(o -> o.place() == Operand.Place.OPERATION);
    }

    private boolean mmx() {
        return operands.stream().anyMatch(o -> o.place() == Operand.Place.MMX);
    }

    @Override
    public String className() {
        return operands.stream().map(Operand::className).collect(Collectors.joining());
    }

    @Override
    public void write(JavaText t) {
        writeHead(t, memory() ? "MemOp" : "Op", memory() ? "d" : "");
        t.blank().lines("@Override").open("public int execute(VcpuContext v)");
        String unit = mmx() ? "Mmx" : "XmmOp";
        t.open("if (%s.unavailable(v))".formatted(unit));
        t.lines("return %s.refuse(v);".formatted(unit)).close();
        if (memory()) {
            t.lines("long h = " + probe() + ";");
            t.open("if (h < 0)").lines("return FAULT;").close();
        }
        if (mmx()) {
            writeMmx(t);
        } else {
            t.lines("long[] x = v.xmm;");
            writeXmm(t);
        }
        t.close().close();
    }

    private String probe() {
        String access = a().memory() ? "write" : "read";
        int size = a().memory() ? a().size() : b().size();
        boolean aligned = size == 16 && shape() != Shape.MOVE_UNALIGNED;
        return aligned ? access + "Aligned(v)" : "%s(v, %d)".formatted(access, size);
    }

    private void writeMmx(JavaText t) {
        if (shape() != Shape.LANES && shape() != Shape.LANES_BY) {
            throw new IllegalStateException("no MMX form of the shape in: " + definition.line());
        }
        t.lines(
                "Mmx.set(v, a, %s(%s, %s));"
                        .formatted(definition.kernel(), a().value(), b().low()));
        t.lines("return NEXT;");
    }

    private void writeXmm(JavaText t) {
        if (shape().floating) {
            writeFloating(t);
            return;
        }
        String kernel = definition.kernel();
        switch (shape()) {
            case LANES -> {
                t.lines("x[a] = %s(x[a], %s);".formatted(kernel, b().low()));
                t.lines("x[a + 1] = %s(x[a + 1], %s);".formatted(kernel, b().high()));
            }
            case LANES_BY -> {
                t.lines("long n = %s;".formatted(b().low()));
                t.lines("x[a] = %s(x[a], n);".formatted(kernel));
                t.lines("x[a + 1] = %s(x[a + 1], n);".formatted(kernel));
            }
            case VECTOR, VECTOR_BY, VECTOR_FROM, SHUFFLE -> t.lines(vector());
            case VECTOR_COMPARE ->
                    t.lines(
                            "v.setStatusFlags(%s(x[a], x[a + 1], %s, %s));"
                                    .formatted(kernel, b().low(), b().high()));
            case MOVE_ALIGNED, MOVE_UNALIGNED -> {
                writeMove(t);
                return;
            }
            default -> throw new IllegalStateException("no form of the shape " + shape());
        }
        t.lines("return NEXT;");
    }

    /** The call of a WideOp; a shift of bytes has its count in the second operand. */
    private String vector() {
        boolean count = b().place() == Operand.Place.BYTE;
        return "%s(x, a, %s, %s, %s);"
                .formatted(
                        definition.kernel(),
                        count ? "0" : b().low(),
                        count ? "0" : b().high(),
                        count ? "b" : operands.size() == 3 ? "c" : "0");
    }

    private void writeMove(JavaText t) {
        if (a().memory()) {
            t.lines("HostBytes.put64(h, %s);".formatted(b().low()));
            t.lines("HostBytes.put64(h + 8, %s);".formatted(b().high()));
            t.lines("return Mem.commit(v, h);");
        } else {
            t.lines("x[a] = %s;".formatted(b().low()));
            t.lines("x[a + 1] = %s;".formatted(b().high()));
            t.lines("return NEXT;");
        }
    }

    private void writeFloating(JavaText t) {
        String kernel = definition.kernel();
        int dot = kernel.lastIndexOf('.');
        String operation =
                chosen() ? "c" : kernel.substring(0, dot) + "::" + kernel.substring(dot + 1);
        String scalar = chosen() ? "c.apply" : kernel;
        String both = b().low() + ", " + b().high();
        t.lines("long low = x[a];");
        t.lines("long high = x[a + 1];");
        t.lines("int m = v.mxcsr;");
        t.lines(
                "int flags = "
                        + switch (shape()) {
                            case SCALAR_SINGLE, SCALAR_DOUBLE, SCALAR_SINGLE_BY, SCALAR_DOUBLE_BY ->
                                    "%s(m, low, %s, x, a);".formatted(scalar, b().low());
                            case PACKED_SINGLE, PACKED_SINGLE_BY ->
                                    "FpPacked.ps(%s, m, x, a, %s);".formatted(operation, both);
                            case PACKED_DOUBLE, PACKED_DOUBLE_BY ->
                                    "FpPacked.pd(%s, m, x, a, %s);".formatted(operation, both);
                            default -> "%s(m, x, a, %s);".formatted(kernel, both);
                        });
        if (shape() == Shape.SCALAR_SINGLE || shape() == Shape.SCALAR_SINGLE_BY) {
            t.lines("x[a] = low & ~0xFFFF_FFFFL | x[a] & 0xFFFF_FFFFL;");
        }
        t.lines("return flags == 0 ? NEXT : XmmOp.raised(v, m, flags, a, low, high);");
    }
}
