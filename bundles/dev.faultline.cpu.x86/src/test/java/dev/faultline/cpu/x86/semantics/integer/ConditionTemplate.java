// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

/** The templates of Jcc, SETcc and CMOVcc, one class per condition, for {@link SourceGenerator}. */
final class ConditionTemplate {
    private ConditionTemplate() {}

    static String jcc() {
        return conditional(JCC, JCC_CASE);
    }

    static String setcc() {
        return conditional(SETCC, SETCC_CASE);
    }

    static String cmovcc() {
        return conditional(CMOVCC, CMOVCC_CASE);
    }

    private static final String[] CONDITIONS = {
        "O", "Flags.of(v)",
        "NO", "!Flags.of(v)",
        "B", "v.flagAux < 0",
        "AE", "v.flagAux >= 0",
        "E", "v.flagRes == 0",
        "NE", "v.flagRes != 0",
        "BE", "v.flagAux < 0 || v.flagRes == 0",
        "A", "v.flagAux >= 0 && v.flagRes != 0",
        "S", "Flags.sf(v)",
        "NS", "!Flags.sf(v)",
        "P", "Flags.pf(v)",
        "NP", "!Flags.pf(v)",
        "L", "Flags.less(v)",
        "GE", "!Flags.less(v)",
        "LE", "v.flagRes == 0 || Flags.less(v)",
        "G", "v.flagRes != 0 && !Flags.less(v)",
    };

    private static String conditional(String file, String form) {
        StringBuilder makes = new StringBuilder();
        StringBuilder classes = new StringBuilder();
        for (int cc = 0; cc < 16; cc++) {
            String name = CONDITIONS[2 * cc];
            makes.append(cc == 15 ? "            default" : "            case " + cc)
                    .append(" -> new ")
                    .append(name)
                    .append("(d);\n");
            classes.append(form.replace("CC", name).replace("COND", CONDITIONS[2 * cc + 1]));
        }
        return file.replace("MAKES", makes).replace("CLASSES", classes);
    }

    private static final String JCC =
            """
            import dev.faultline.api.engine.VcpuContext;
            import dev.faultline.cpu.x86.Decoded;
            import dev.faultline.cpu.x86.Flags;
            import dev.faultline.cpu.x86.Op;

            /** Jcc, one class per condition. SDM 2A, "Jcc-Jump if Condition Is Met". */
            final class Jcc {
                private Jcc() {}

                static Op make(Decoded d) {
                    return switch (d.opcode & 15) {
            MAKES        };
                }

                /** Not taken, it is an instruction like others. */
                private abstract static class Conditional extends NearOp {
                    Conditional(Decoded d) {
                        super(d);
                    }

                    @Override
                    public final boolean endsBlock() {
                        return false;
                    }
                }
            CLASSES}
            """;

    private static final String JCC_CASE =
            """

                private static final class CC extends Conditional {
                    CC(Decoded d) {
                        super(d);
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        return COND ? jump(v) : NEXT;
                    }
                }
            """;

    private static final String SETCC =
            """
            import dev.faultline.api.engine.VcpuContext;
            import dev.faultline.cpu.x86.Decoded;
            import dev.faultline.cpu.x86.Flags;
            import dev.faultline.cpu.x86.Op;
            import dev.faultline.cpu.x86.RmOp;

            /** SETcc, one class per condition. SDM 2B, "SETcc-Set Byte on Condition". */
            final class Setcc {
                private Setcc() {}

                static Op make(Decoded d) {
                    return switch (d.opcode & 15) {
            MAKES        };
                }
            CLASSES}
            """;

    private static final String SETCC_CASE =
            """

                private static final class CC extends RmOp {
                    CC(Decoded d) {
                        super(d, 1);
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long h = probeW(v);
                        return h < 0 ? FAULT : put(v, h, COND ? 1 : 0);
                    }
                }
            """;

    private static final String CMOVCC =
            """
            import dev.faultline.api.engine.VcpuContext;
            import dev.faultline.cpu.x86.Decoded;
            import dev.faultline.cpu.x86.Flags;
            import dev.faultline.cpu.x86.Op;
            import dev.faultline.cpu.x86.RmOp;

            /** CMOVcc, one class per condition. The source is read in any case. SDM 2A, "CMOVcc-Conditional Move". */
            final class Cmovcc {
                private Cmovcc() {}

                static Op make(Decoded d) {
                    return switch (d.opcode & 15) {
            MAKES        };
                }
            CLASSES}
            """;

    /** A 32-bit destination is zero-extended even if nothing is moved. */
    private static final String CMOVCC_CASE =
            """

                private static final class CC extends RmOp {
                    CC(Decoded d) {
                        super(d, d.operandSize);
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long h = probe(v);
                        if (h < 0) {
                            return FAULT;
                        }
                        long b = get(v, h);
                        putG(v, COND ? b : getG(v));
                        return NEXT;
                    }
                }
            """;
}
