// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.oracle;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.isa.Family;
import dev.faultline.cpu.x86.isa.Row;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Where a host's processor may differ from ours and both are right: what the manuals leave open,
 * what AMD documents otherwise than Intel (ours is Intel's), and what kernels that are guests do to
 * a signal handler's state. Looked up only for vectors that differ; counted, never hidden.
 */
final class HostDifferences {
    private static final String[] NEAR_BRANCHES = {
        "JCC", "JMP", "CALL", "RET", "LOOP", "LOOPE", "LOOPNE", "JCXZ"
    };

    private HostDifferences() {}

    /** A vector that differs. */
    private record Case(
            OracleFile file,
            OracleVector t,
            Row entry,
            String problem,
            boolean p66,
            boolean rep,
            boolean rexW,
            boolean memory) {
        boolean is(String... mnemonics) {
            return entry != null && Set.of(mnemonics).contains(entry.mnemonic);
        }

        /** SHLD or SHRD of 16 bits by more than that. */
        boolean longDoubleShift() {
            if (!is("SHLD", "SHRD") || p66 == (file.mode == 16) || t.length == 0) {
                return false;
            }
            boolean byCl = (entry.opcode & 1) != 0;
            return ((byCl ? t.gprIn[1] : t.code[t.length - 1]) & 31) > 16;
        }

        /** WRGSBASE of a register whose value was there, but read as 0 by the signal handler. */
        boolean upperGsBase() {
            if (!is("WRGSBASE") || !rexW || t.gsOut != 0 || t.fsOut != t.fsIn || t.length < 5) {
                return false;
            }
            int rexB = t.code[t.length - 4] & 1;
            long written = t.gprIn[t.code[t.length - 1] & 7 | rexB << 3];
            return written < 0 && problem.contains("gs base=%x want 0;".formatted(written));
        }

        boolean mode64() {
            return file.mode == 64;
        }

        /** A fault, or the oracle's patience with a repetition, ended it. */
        boolean unfinished() {
            long start = OracleCpu.IP_OFFSET + (file.mode == 16 ? 0 : file.codeLin);
            return faults() || t.ripOut == start;
        }

        boolean faults() {
            return t.exception != OracleVector.NONE;
        }
    }

    @FunctionalInterface
    private interface Condition {
        boolean holds(Case c);
    }

    /**
     * @param vendor whose processors, or null: any
     * @param source where it is written
     * @param parts what it may make differ, as {@link OracleCpu} names it; none: everything
     */
    private record Difference(
            String name, String vendor, String source, Condition condition, String... parts) {
        boolean covers(String part) {
            return parts.length == 0 || List.of(parts).stream().anyMatch(part::startsWith);
        }
    }

    private static final String AMD = "amd";

    private static final String ONE_CLASS =
            "SDM 3A, \"Priority Among Concurrent Events\": within a class implementation-specific";

    private static final String AC_WANTED_GP = "exception=11 want d;";
    private static final String AC_WANTED_SS = "exception=11 want c;";

    private static final String VIRTUAL =
            "software virtualisation; bench/oracle.c leaves most such vectors out";

    private static final List<Difference> ALL =
            List.of(
                    // ---- undefined or left open by the manuals, any vendor
                    new Difference(
                            "SHLD, SHRD by more than the operand's size: result undefined",
                            null,
                            "SDM 2B, \"SHLD\" and \"SHRD\"; APM 3, the same",
                            Case::longDoubleShift,
                            "r",
                            "byte "),
                    new Difference(
                            "which of two faults of one instruction comes first",
                            null,
                            ONE_CLASS,
                            c -> c.faults() && c.is("CMPS", "MOVS", "MASKMOVDQU", "MASKMOVQ"),
                            "exception=",
                            "error code=",
                            "cr2="),
                    new Difference(
                            "#AC or #PF of the same access",
                            null,
                            ONE_CLASS,
                            c ->
                                    (c.t.exception == 17 || c.t.exception == 14)
                                            && (c.t.flagsIn & VcpuContext.AC) != 0,
                            "exception="),
                    new Difference(
                            "first part of a store that faults in its second page",
                            null,
                            "SDM 3A, \"Page-fault exception\": says nothing of stores across pages",
                            c -> c.t.exception == 14 && c.is("FSTP", "FBSTP"),
                            "byte "),
                    // ---- AMD
                    new Difference(
                            "66 before a near branch in 64-bit mode: 16-bit operand",
                            AMD,
                            "APM 1, \"Near Branches in 64-Bit Mode\"; SDM 2D, opcode map,"
                                    + " superscript f64: ignored",
                            c -> c.mode64() && c.p66 && c.is(NEAR_BRANCHES)),
                    new Difference(
                            "F2 or F3 before LOOPcc: the prefix is the condition",
                            AMD,
                            "APM 3, \"Repeat Prefixes\": only for string instructions; seen on"
                                    + " Zen 5",
                            c -> c.rep && c.is("LOOPE", "LOOPNE"),
                            "rip="),
                    new Difference(
                            "flags of a repeated CMPS or SCAS before its end",
                            AMD,
                            "SDM 2B, \"REP\": as before the instruction; AMD keeps those of the"
                                    + " last iteration",
                            c -> c.is("CMPS", "SCAS") && c.rep && c.unfinished(),
                            "flags("),
                    new Difference(
                            "a repetition by ECX that does nothing keeps the upper halves",
                            AMD,
                            "SDM 2B, \"REP\", and APM 3, \"Repeat Prefixes\": not said; Intel's"
                                    + " clear them",
                            c ->
                                    c.mode64()
                                            && c.rep
                                            && c.is("MOVS", "STOS", "CMPS", "SCAS", "LODS"),
                            "r1=",
                            "r6=",
                            "r7="),
                    new Difference(
                            "a store of x87 with an unmasked exception: the access faults first",
                            AMD,
                            ONE_CLASS,
                            c ->
                                    c.is("FST", "FSTP", "FIST", "FISTP", "FISTTP", "FBSTP")
                                            && c.faults()
                                            && (c.t.in.fcw & 0x3F) != 0x3F,
                            "exception="),
                    new Difference(
                            "REX.W before a far pointer in memory is ignored: m16:32",
                            AMD,
                            "SDM 2A, \"JMP\", \"CALL\", \"LDS/LES/LFS/LGS/LSS\": m16:64; APM 3, the"
                                    + " same: m16:32",
                            c ->
                                    c.mode64()
                                            && c.rexW
                                            && c.is("JMPF", "CALLF", "LSS", "LFS", "LGS")),
                    new Difference(
                            "which of several NaNs a dot product gives",
                            AMD,
                            "SDM 2A, \"DPPS\", \"DPPD\": the order of the additions' operands is"
                                    + " not given; SDM 1, \"Operating on SNaNs and QNaNs\"",
                            c ->
                                    c.is("DPPS") && nan32(c.problem)
                                            || c.is("DPPD") && nan64(c.problem),
                            "xmm"),
                    new Difference(
                            "PUSH of a segment register writes its whole slot",
                            AMD,
                            "SDM 2B, \"PUSH\": processors may write 16 bits only; APM 3,"
                                    + " \"PUSH\": zero-extended",
                            c -> c.is("PUSH_SREG"),
                            "byte ",
                            "exception="),
                    new Difference(
                            "an access that wraps at 4 GiB: #GP or #SS",
                            AMD,
                            "SDM 3A, \"Limit Checking\": wrapping with a limit of FFFFFFFFH is"
                                    + " implementation-specific",
                            c ->
                                    c.file.mode == 32
                                            && (c.t.exception == 12 || c.t.exception == 13)
                                            && c.memory,
                            "exception="),
                    new Difference(
                            "an MMX instruction that faults has not set TOP yet",
                            AMD,
                            "SDM 3A, \"Effect of MMX Instructions on the x87 FPU Tag Word\": of"
                                    + " an instruction that completes",
                            c -> c.faults() && mmx(c.entry),
                            "fsw=",
                            "tags="),
                    new Difference(
                            "FXSAVE: MXCSR_MASK has bit 17, x87 pointers only with a pending error",
                            AMD,
                            "APM 2, \"FXSAVE and FXRSTOR Instructions\" and \"MXCSR_MASK\"",
                            c -> c.is("FXSAVE", "FXRSTOR"),
                            "byte "),
                    new Difference(
                            "a misaligned operand that is not canonical to its end: #GP or #SS",
                            AMD,
                            ONE_CLASS,
                            c ->
                                    c.mode64()
                                            && (c.t.flagsIn & VcpuContext.AC) != 0
                                            && (c.problem.contains(AC_WANTED_GP)
                                                    || c.problem.contains(AC_WANTED_SS)),
                            "exception="),
                    new Difference(
                            "CALL to an address that is not canonical pushes nothing",
                            AMD,
                            "SDM 2A, \"CALL\": order of push and #GP of the target not given",
                            c -> c.is("CALL") && c.t.exception == 13,
                            "byte ",
                            "r4="),
                    // ---- hosts whose kernel is a guest without hardware support
                    new Difference(
                            "host: a trap with a stack pointer that is not canonical is #GP",
                            null,
                            VIRTUAL,
                            c ->
                                    c.mode64()
                                            && c.t.exception == 13
                                            && !VcpuContext.canonical(c.t.gprIn[4]),
                            "exception="),
                    new Difference(
                            "host: lost the FS base that the signal handler set",
                            null,
                            VIRTUAL,
                            c -> c.mode64() && c.t.fsOut != c.t.fsIn && !c.is("WRFSBASE"),
                            "fs base=",
                            "gs base="),
                    new Difference(
                            "host: a trap makes a GS base in the upper half 0",
                            null,
                            VIRTUAL,
                            Case::upperGsBase,
                            "fs base=",
                            "gs base="));

    private static final Pattern VALUES = Pattern.compile("xmm\\w+=(\\w+) want (\\w+);");

    /** Every register that differs has NaNs on both sides where it differs. */
    private static boolean nan64(String problem) {
        return VALUES.matcher(problem)
                .results()
                .allMatch(m ->
                        Double.isNaN(Double.longBitsToDouble(value(m.group(1))))
                                && Double.isNaN(Double.longBitsToDouble(value(m.group(2)))));
    }

    private static boolean nan32(String problem) {
        return VALUES.matcher(problem)
                .results()
                .allMatch(m ->
                        nan32((int) value(m.group(1)), (int) value(m.group(2)))
                                && nan32(
                                        (int) (value(m.group(1)) >>> 32),
                                        (int) (value(m.group(2)) >>> 32)));
    }

    private static boolean nan32(int a, int b) {
        return a == b
                || Float.isNaN(Float.intBitsToFloat(a)) && Float.isNaN(Float.intBitsToFloat(b));
    }

    private static long value(String hex) {
        return Long.parseUnsignedLong(hex, 16);
    }

    private static boolean mmx(Row e) {
        return e != null
                && (e.definition.family() == Family.SSE || e.definition.family() == Family.MMX)
                && (e.operands.contains("P") || e.operands.contains("Q"));
    }

    /**
     * Why a vector may differ.
     *
     * @param problem what {@link OracleCpu} found
     * @return name and source of the first reason, or null: something of it has none
     */
    static String reason(
            String vendor, OracleFile file, OracleVector t, Row entry, String problem) {
        boolean p66 = false;
        boolean rep = false;
        int at = 0;
        for (boolean prefix = true; prefix && at < 15; ) {
            int b = t.code[at] & 0xFF;
            p66 |= b == 0x66;
            rep |= b == 0xF2 || b == 0xF3;
            prefix =
                    switch (b) {
                        case 0x66, 0x67, 0xF0, 0xF2, 0xF3, 0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65 ->
                                true;
                        default -> file.mode == 64 && (b & 0xF0) == 0x40;
                    };
            at += prefix ? 1 : 0;
        }
        boolean rexW = file.mode == 64 && at > 0 && (t.code[at - 1] & 0xF8) == 0x48;
        int modrm = t.code[Math.min(15, at + (t.map == 0 ? 1 : t.map == 1 ? 2 : 3))] & 0xFF;
        boolean memory = entry != null && (!entry.modrm || modrm < 0xC0);
        Case c = new Case(file, t, entry, problem, p66, rep, rexW, memory);
        List<String> left = new ArrayList<>(List.of(problem.strip().split("; *")));
        String first = null;
        for (Difference d : ALL) {
            if ((d.vendor == null || d.vendor.equals(vendor))
                    && d.condition.holds(c)
                    && left.removeIf(d::covers)
                    && first == null) {
                first = d.name + " (" + d.source + ")";
            }
        }
        return left.isEmpty() ? first : null;
    }

    /**
     * "amd" or "intel", as the host's first processor says; processors of others count as Intel.
     */
    static String hostVendor() {
        try {
            return Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
                    .filter(l -> l.startsWith("vendor_id"))
                    .findFirst()
                    .filter(l -> l.contains("AuthenticAMD") || l.contains("HygonGenuine"))
                    .map(l -> AMD)
                    .orElse("intel");
        } catch (IOException e) {
            throw new UncheckedIOException("/proc/cpuinfo", e);
        }
    }
}
