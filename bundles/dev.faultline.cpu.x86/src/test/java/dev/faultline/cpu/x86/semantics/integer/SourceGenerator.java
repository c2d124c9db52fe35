// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Writes the classes of semantics/integer that differ only in an expression: the two-operand
 * arithmetic, and what is conditional. Every form owns its {@code execute}, because a shared one
 * that calls a virtual operation costs a second megamorphic call. The output is checked in; {@link
 * GeneratedSourcesTest} compares.
 */
final class SourceGenerator {
    private SourceGenerator() {}

    /** Run in the bundle's directory: rewrites the sources. */
    public static void main(String[] args) throws IOException {
        for (Map.Entry<String, String> e : sources().entrySet()) {
            Files.writeString(directory().resolve(e.getKey()), e.getValue());
        }
    }

    static Path directory() {
        return Path.of("src/main/java/dev/faultline/cpu/x86/semantics/integer");
    }

    static Map<String, String> sources() {
        Map<String, String> files = new LinkedHashMap<>();
        String[][] arithmetic = {
            {"Add", "2A, \"ADD-Add\"", "Flags.addSmall(v, a, b, 0, shift)"},
            {
                "Adc",
                "2A, \"ADC-Add With Carry\"",
                "Flags.addSmall(v, a, b, v.flagAux >>> 63, shift)"
            },
            {"Sub", "2B, \"SUB-Subtract\"", "Flags.subSmall(v, a, b, 0, shift)"},
            {
                "Sbb",
                "2B, \"SBB-Integer Subtraction With Borrow\"",
                "Flags.subSmall(v, a, b, v.flagAux >>> 63, shift)"
            },
            {"And", "2A, \"AND-Logical AND\"", "Flags.logicSmall(v, a & b, shift)"},
            {"Or", "2B, \"OR-Logical Inclusive OR\"", "Flags.logicSmall(v, a | b, shift)"},
            {"Xor", "2D, \"XOR-Logical Exclusive OR\"", "Flags.logicSmall(v, a ^ b, shift)"},
        };
        for (String[] op : arithmetic) {
            files.put(op[0] + ".java", arithmetic(op[0], op[1], op[2]));
        }
        files.put(
                "Cmp.java",
                comparison(
                        "Cmp",
                        "sub",
                        "2A, \"CMP-Compare Two Operands\"",
                        "Flags.subSmall(v, a, b, 0, shift)",
                        true));
        files.put(
                "Test.java",
                comparison(
                        "Test",
                        "and",
                        "2B, \"TEST-Logical Compare\"",
                        "Flags.logicSmall(v, a & b, shift)",
                        false));
        files.put("Shl.java", GENERATED + ShiftTemplate.source("Shl", ShiftTemplate.SHL));
        files.put("Shr.java", GENERATED + ShiftTemplate.source("Shr", ShiftTemplate.SHR));
        files.put("Sar.java", GENERATED + ShiftTemplate.source("Sar", ShiftTemplate.SAR));
        files.put("Jcc.java", GENERATED + ConditionTemplate.jcc());
        files.put("Setcc.java", GENERATED + ConditionTemplate.setcc());
        files.put("Cmovcc.java", GENERATED + ConditionTemplate.cmovcc());
        return files;
    }

    private static String arithmetic(String name, String title, String small) {
        String op = name.toLowerCase(java.util.Locale.ROOT);
        StringBuilder s =
                new StringBuilder(
                        HEAD.replace("IMPORT_MEM", "import dev.faultline.cpu.x86.Mem;\n"));
        s.append(ARITHMETIC_MAKE);
        for (String bits : new String[] {"32", "64"}) {
            s.append(sized(REGISTER_FORMS, bits)).append(sized(MEMORY_FORMS, bits));
        }
        s.append(SMALL_FORMS).append("}\n");
        return fill(s.toString(), name, op, title, small);
    }

    private static String comparison(
            String name, String op, String title, String small, boolean reversed) {
        StringBuilder s = new StringBuilder(HEAD.replace("IMPORT_MEM", ""));
        s.append(COMPARISON_MAKE);
        for (String bits : new String[] {"32", "64"}) {
            s.append(sized(COMPARE_FORMS, bits));
            if (reversed) {
                s.append(sized(COMPARE_REVERSED, bits));
            }
        }
        s.append(COMPARE_SMALL);
        if (reversed) {
            s.append(COMPARE_SMALL_REVERSED);
        }
        s.append("}\n");
        String text =
                s.toString().replace("MAKE_REVERSED", reversed ? COMPARISON_MAKE_REVERSED : "");
        return fill(text, name, op, title, small);
    }

    private static String sized(String form, String bits) {
        return form.replace("BITS", bits)
                .replace("BYTES", bits.equals("32") ? "4" : "8")
                .replace("(CAST)", bits.equals("32") ? "(int) " : "")
                .replace("JAVATYPE", bits.equals("32") ? "int" : "long");
    }

    private static String fill(String s, String name, String op, String title, String small) {
        return s.replace("NAME", name)
                .replace("TITLE", title)
                .replace("UPPER", name.toUpperCase(java.util.Locale.ROOT))
                .replace("CALL", "Flags." + op)
                .replace("SMALL(b)", small);
    }

    // ---- templates

    private static final String GENERATED =
            """
            // SPDX-License-Identifier: Apache-2.0
            // Generated by SourceGenerator in the tests; edit it, not this file.
            package dev.faultline.cpu.x86.semantics.integer;

            """;

    private static final String HEAD =
            GENERATED
                    + """
                    import dev.faultline.api.engine.VcpuContext;
                    import dev.faultline.api.memory.HostBytes;
                    import dev.faultline.cpu.x86.Decoded;
                    import dev.faultline.cpu.x86.Flags;
                    IMPORT_MEMimport dev.faultline.cpu.x86.MemOp;
                    import dev.faultline.cpu.x86.Op;
                    import dev.faultline.cpu.x86.RmOp;

                    /** UPPER. SDM TITLE. */
                    final class NAME {
                        private NAME() {}

                    """;

    private static final String ARITHMETIC_MAKE =
            """
                static Op make(Decoded d) {
                    String form = d.entry.operands;
                    int size = form.endsWith("b") ? form.equals("Ev,Ib") ? d.operandSize : 1 : d.operandSize;
                    if (d.lock) {
                        return Locked.make(d, Locked.UPPER, size);
                    }
                    return switch (form) {
                        case "Eb,Gb", "Ev,Gv" ->
                                size < 4
                                        ? new EG(d, size)
                                        : !d.mem
                                                ? registers(size, d.rm, d.reg)
                                                : size == 4 ? new M32R32(d) : new M64R64(d);
                        case "Gb,Eb", "Gv,Ev" ->
                                size < 4
                                        ? new GE(d, size)
                                        : !d.mem
                                                ? registers(size, d.reg, d.rm)
                                                : size == 4 ? new R32M32(d) : new R64M64(d);
                        case "AL,Ib", "rAX,Iz" -> immediate(d, size, 0);
                        default ->
                                size < 4 || !d.mem
                                        ? immediate(d, size, d.rm)
                                        : size == 4 ? new M32Imm(d) : new M64Imm(d);
                    };
                }

                private static Op registers(int size, int to, int from) {
                    return size == 4 ? new R32R32(to, from) : new R64R64(to, from);
                }

                private static Op immediate(Decoded d, int size, int to) {
                    return size < 4
                            ? new EImm(d, size, to)
                            : size == 4 ? new R32Imm(d, to) : new R64Imm(d, to);
                }
            """;

    private static final String REGISTER_FORMS =
            """

                private static final class RBITSRBITS extends Op {
                    private final int to;
                    private final int from;

                    RBITSRBITS(int to, int from) {
                        this.to = to;
                        this.from = from;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long[] r = v.gpr;
                        r[to] = CALLBITS(v, (CAST)r[to], (CAST)r[from]);
                        return NEXT;
                    }
                }

                private static final class RBITSImm extends Op {
                    private final int to;
                    private final JAVATYPE imm;

                    RBITSImm(Decoded d, int to) {
                        this.to = to;
                        imm = (CAST)d.imm;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long[] r = v.gpr;
                        r[to] = CALLBITS(v, (CAST)r[to], imm);
                        return NEXT;
                    }
                }
            """;

    private static final String MEMORY_FORMS =
            """

                private static final class RBITSMBITS extends MemOp {
                    private final int to;

                    RBITSMBITS(Decoded d) {
                        super(d);
                        to = d.reg;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long h = read(v, BYTES);
                        if (h < 0) {
                            return FAULT;
                        }
                        long[] r = v.gpr;
                        r[to] = CALLBITS(v, (CAST)r[to], HostBytes.getBITS(h));
                        return NEXT;
                    }
                }

                private static final class MBITSRBITS extends MemOp {
                    private final int from;

                    MBITSRBITS(Decoded d) {
                        super(d);
                        from = d.reg;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long h = readWrite(v, BYTES);
                        if (h < 0) {
                            return FAULT;
                        }
                        JAVATYPE a = HostBytes.getBITS(h);
                        HostBytes.putBITS(h, (CAST)CALLBITS(v, a, (CAST)v.gpr[from]));
                        return Mem.commit(v, h);
                    }
                }

                private static final class MBITSImm extends MemOp {
                    private final JAVATYPE imm;

                    MBITSImm(Decoded d) {
                        super(d);
                        imm = (CAST)d.imm;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long h = readWrite(v, BYTES);
                        if (h < 0) {
                            return FAULT;
                        }
                        HostBytes.putBITS(h, (CAST)CALLBITS(v, HostBytes.getBITS(h), imm));
                        return Mem.commit(v, h);
                    }
                }
            """;

    private static final String SMALL_FORMS =
            """

                /** 8 and 16 bits. */
                private static final class EG extends RmOp {
                    private final int shift;

                    EG(Decoded d, int size) {
                        super(d, size);
                        shift = 64 - size * 8;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long h = probeRW(v);
                        if (h < 0) {
                            return FAULT;
                        }
                        long a = get(v, h);
                        long b = getG(v);
                        return put(v, h, SMALL(b));
                    }
                }

                /** 8 and 16 bits. */
                private static final class GE extends RmOp {
                    private final int shift;

                    GE(Decoded d, int size) {
                        super(d, size);
                        shift = 64 - size * 8;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long h = probe(v);
                        if (h < 0) {
                            return FAULT;
                        }
                        long a = getG(v);
                        long b = get(v, h);
                        putG(v, SMALL(b));
                        return NEXT;
                    }
                }

                /** 8 and 16 bits. */
                private static final class EImm extends RmOp {
                    private final int shift;
                    private final long b;

                    EImm(Decoded d, int size, int to) {
                        super(d, size, to);
                        shift = 64 - size * 8;
                        b = d.imm;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long h = probeRW(v);
                        if (h < 0) {
                            return FAULT;
                        }
                        long a = get(v, h);
                        return put(v, h, SMALL(b));
                    }
                }
            """;

    private static final String COMPARISON_MAKE =
            """
                static Op make(Decoded d) {
                    String form = d.entry.operands;
                    int size = form.endsWith("b") ? form.equals("Ev,Ib") ? d.operandSize : 1 : d.operandSize;
                    return switch (form) {
                        case "Eb,Gb", "Ev,Gv" ->
                                size < 4
                                        ? new EG(d, size)
                                        : !d.mem
                                                ? registers(size, d.rm, d.reg)
                                                : size == 4 ? new M32R32(d) : new M64R64(d);
                        MAKE_REVERSEDcase "AL,Ib", "rAX,Iz" -> immediate(d, size, 0);
                        default ->
                                size < 4 || !d.mem
                                        ? immediate(d, size, d.rm)
                                        : size == 4 ? new M32Imm(d) : new M64Imm(d);
                    };
                }

                private static Op registers(int size, int a, int b) {
                    return size == 4 ? new R32R32(a, b) : new R64R64(a, b);
                }

                private static Op immediate(Decoded d, int size, int a) {
                    if (size == 1 && d.mem) {
                        return new M8Imm(d);
                    }
                    return size < 4
                            ? new EImm(d, size, a)
                            : size == 4 ? new R32Imm(d, a) : new R64Imm(d, a);
                }
            """;

    private static final String COMPARISON_MAKE_REVERSED =
            """
            case "Gb,Eb", "Gv,Ev" ->
                                size < 4
                                        ? new GE(d, size)
                                        : !d.mem
                                                ? registers(size, d.reg, d.rm)
                                                : size == 4 ? new R32M32(d) : new R64M64(d);
            """;

    private static final String COMPARE_FORMS =
            """

                private static final class RBITSRBITS extends Op {
                    private final int a;
                    private final int b;

                    RBITSRBITS(int a, int b) {
                        this.a = a;
                        this.b = b;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long[] r = v.gpr;
                        CALLBITS(v, (CAST)r[a], (CAST)r[b]);
                        return NEXT;
                    }
                }

                private static final class RBITSImm extends Op {
                    private final int a;
                    private final JAVATYPE imm;

                    RBITSImm(Decoded d, int a) {
                        this.a = a;
                        imm = (CAST)d.imm;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        CALLBITS(v, (CAST)v.gpr[a], imm);
                        return NEXT;
                    }
                }

                private static final class MBITSRBITS extends MemOp {
                    private final int b;

                    MBITSRBITS(Decoded d) {
                        super(d);
                        b = d.reg;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long h = read(v, BYTES);
                        if (h < 0) {
                            return FAULT;
                        }
                        CALLBITS(v, HostBytes.getBITS(h), (CAST)v.gpr[b]);
                        return NEXT;
                    }
                }

                private static final class MBITSImm extends MemOp {
                    private final JAVATYPE imm;

                    MBITSImm(Decoded d) {
                        super(d);
                        imm = (CAST)d.imm;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long h = read(v, BYTES);
                        if (h < 0) {
                            return FAULT;
                        }
                        CALLBITS(v, HostBytes.getBITS(h), imm);
                        return NEXT;
                    }
                }
            """;

    private static final String COMPARE_REVERSED =
            """

                private static final class RBITSMBITS extends MemOp {
                    private final int a;

                    RBITSMBITS(Decoded d) {
                        super(d);
                        a = d.reg;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long h = read(v, BYTES);
                        if (h < 0) {
                            return FAULT;
                        }
                        CALLBITS(v, (CAST)v.gpr[a], HostBytes.getBITS(h));
                        return NEXT;
                    }
                }
            """;

    private static final String COMPARE_SMALL =
            """

                private static final class M8Imm extends MemOp {
                    private static final int shift = 56;
                    private final long b;

                    M8Imm(Decoded d) {
                        super(d);
                        b = d.imm;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long h = read(v, 1);
                        if (h < 0) {
                            return FAULT;
                        }
                        long a = HostBytes.get8(h);
                        SMALL(b);
                        return NEXT;
                    }
                }

                /** 8 and 16 bits. */
                private static final class EG extends RmOp {
                    private final int shift;

                    EG(Decoded d, int size) {
                        super(d, size);
                        shift = 64 - size * 8;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long h = probe(v);
                        if (h < 0) {
                            return FAULT;
                        }
                        long a = get(v, h);
                        long b = getG(v);
                        SMALL(b);
                        return NEXT;
                    }
                }

                /** 8 and 16 bits. */
                private static final class EImm extends RmOp {
                    private final int shift;
                    private final long b;

                    EImm(Decoded d, int size, int rm) {
                        super(d, size, rm);
                        shift = 64 - size * 8;
                        b = d.imm;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long h = probe(v);
                        if (h < 0) {
                            return FAULT;
                        }
                        long a = get(v, h);
                        SMALL(b);
                        return NEXT;
                    }
                }
            """;

    private static final String COMPARE_SMALL_REVERSED =
            """

                /** 8 and 16 bits. */
                private static final class GE extends RmOp {
                    private final int shift;

                    GE(Decoded d, int size) {
                        super(d, size);
                        shift = 64 - size * 8;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long h = probe(v);
                        if (h < 0) {
                            return FAULT;
                        }
                        long a = getG(v);
                        long b = get(v, h);
                        SMALL(b);
                        return NEXT;
                    }
                }
            """;
}
