// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.integer;

/** The template of SHL, SHR and SAR for {@link SourceGenerator}. */
final class ShiftTemplate {
    private ShiftTemplate() {}

    /**
     * @param any statements that shift {@code x}, of {@code size} bytes, by {@code n} and set r,
     *     cf, of
     */
    static String source(String name, String any) {
        StringBuilder s = new StringBuilder(HEAD);
        for (String bits : new String[] {"32", "64"}) {
            s.append(
                    SIZED.replace("BITS", bits)
                            .replace("COUNT", bits.equals("32") ? "31" : "63")
                            .replace("(CAST)", bits.equals("32") ? "(int) " : "")
                            .replace("KEEP", bits.equals("32") ? " & 0xFFFF_FFFFL" : ""));
        }
        s.append(ANY.replace("COMPUTE", any)).append("}\n");
        return s.toString()
                .replace("NAME", name)
                .replace("CALL", "Flags." + name.toLowerCase(java.util.Locale.ROOT))
                .replace("UPPER", name.toUpperCase(java.util.Locale.ROOT));
    }

    private static final String HEAD =
            """
            import dev.faultline.api.engine.VcpuContext;
            import dev.faultline.cpu.x86.Decoded;
            import dev.faultline.cpu.x86.Flags;
            import dev.faultline.cpu.x86.Op;
            import dev.faultline.cpu.x86.RmOp;

            /** UPPER. SDM 2B, "SAL/SAR/SHL/SHR-Shift". */
            final class NAME {
                private NAME() {}

                static Op make(Decoded d) {
                    String form = d.entry.operands;
                    int size = form.startsWith("Eb") ? 1 : d.operandSize;
                    int mask = size == 8 ? 63 : 31;
                    boolean byCl = form.endsWith("CL");
                    int n = byCl ? 0 : form.endsWith("1") ? 1 : (int) d.imm & mask;
                    if (d.mem || size < 4 || !byCl && n == 0) {
                        return new Any(d, size, byCl, n);
                    }
                    if (size == 8) {
                        return byCl ? new R64Cl(d.rm) : new R64Imm(d.rm, n);
                    }
                    return byCl ? new R32Cl(d.rm) : new R32Imm(d.rm, n);
                }
            """;

    private static final String SIZED =
            """

                private static final class RBITSImm extends Op {
                    private final int rm;
                    private final int n;

                    RBITSImm(int rm, int n) {
                        this.rm = rm;
                        this.n = n;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long[] r = v.gpr;
                        r[rm] = CALLBITS(v, (CAST)r[rm], n);
                        return NEXT;
                    }
                }

                private static final class RBITSCl extends Op {
                    private final int rm;

                    RBITSCl(int rm) {
                        this.rm = rm;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long[] r = v.gpr;
                        int n = (int) r[1] & COUNT;
                        r[rm] = n == 0 ? r[rm]KEEP : CALLBITS(v, (CAST)r[rm], n);
                        return NEXT;
                    }
                }
            """;

    private static final String ANY =
            """

                private static final class Any extends RmOp {
                    private final boolean byCl;
                    private final int count;

                    Any(Decoded d, int size, boolean byCl, int count) {
                        super(d, size);
                        this.byCl = byCl;
                        this.count = count;
                    }

                    @Override
                    public int execute(VcpuContext v) {
                        long h = probeRW(v);
                        if (h < 0) {
                            return FAULT;
                        }
                        int n = byCl ? (int) v.gpr[1] & (size == 8 ? 63 : 31) : count;
                        long x = get(v, h);
                        if (n == 0) {
                            return put(v, h, x);
                        }
            COMPUTE            Flags.result(v, signed(r), cf, of);
                        return put(v, h, r);
                    }
                }
            """;

    static final String SHL =
            """
                        long last = x << n - 1;
                        boolean cf = signed(last) < 0;
                        long r = last << 1;
                        boolean of = signed(r) < 0 != cf;
            """;

    static final String SHR =
            """
                        long last = x >>> n - 1;
                        boolean cf = (last & 1) != 0;
                        boolean of = signed(last) < 0;
                        long r = last >>> 1;
            """;

    static final String SAR =
            """
                        long last = signed(x) >> n - 1;
                        boolean cf = (last & 1) != 0;
                        boolean of = false;
                        long r = last >> 1;
            """;
}
