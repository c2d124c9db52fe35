// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * One encoding: how it is recognised, its operands, and what it needs. The head of {@code
 * integer.tab} explains the notation.
 */
public final class Row {
    private static final Set<String> ATTRIBUTES = Set.of("lock", "o64", "i64", "d64", "f64", "p66");

    /** Which ModR/M bytes a row takes. */
    public enum Form {
        ANY,
        MEMORY,
        REGISTER
    }

    public final Definition definition;

    /** That of the definition. */
    public final String mnemonic;

    /** Operand codes with commas between, or "-". */
    public final String operands;

    /** The same, one by one. */
    public final List<OperandCode> codes;

    public final Space space;

    /** 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A. */
    public final int map;

    public final int opcode;

    /** Of opcodes with a condition in their low four bits, that; else -1. */
    public final int condition;

    /** ModR/M.reg that selects this row, or -1. */
    public final int digit;

    public final Form form;

    /** Exact ModR/M byte, or -1. */
    public final int exact;

    public final MandatoryPrefix prefix;

    /** Whether a ModR/M byte follows the opcode. */
    public final boolean modrm;

    /** LOCK is allowed, with a memory destination. */
    public final boolean lockable;

    /** The operand size is 64 in 64-bit mode, unless 66 makes it 16. */
    public final boolean default64;

    /** The operand size is 64 in 64-bit mode. */
    public final boolean forced64;

    /** A mandatory 66 is the prefix of the operand size too. */
    public final boolean sizedBy66;

    /** Whether VEX.vvvv is an operand; else it has to be 1111. */
    private final boolean usesVvvv;

    private final Encoding encoding;
    private final boolean only64;
    private final boolean not64;

    /** What follows ModR/M and displacement. Not to be changed. */
    public final Immediate[] immediates;

    /**
     * For tests, which compare it with what our CPUID says: what CPUID claims for it; empty: every
     * processor that we may be taken for has it.
     */
    public final Set<CpuFeature> features;

    /**
     * In the family, from 0: rows with the same number become Ops in the same way. Of an opaque
     * definition all rows do, else those with the same operands.
     */
    public final int maker;

    private final String text;

    /**
     * @param line encoding, operands and attributes
     * @param opcodeOffset of opcodes with a register or a condition in their low bits, that
     */
    Row(Definition definition, String line, int opcodeOffset, int maker) {
        this.definition = definition;
        this.maker = maker;
        String[] c = line.trim().split("\\s+");
        // Interned: the switches of the semantics then compare by identity.
        mnemonic = definition.mnemonic().intern();
        if (c.length < 2) {
            throw new IllegalStateException(
                    "instruction table: encoding and operands expected in: " + line);
        }
        text =
                (c[0]
                        + " "
                        + mnemonic
                        + " "
                        + String.join(" ", Arrays.asList(c).subList(1, c.length)));
        operands = c[1].intern();
        List<String> attrs = Arrays.asList(c).subList(2, c.length);
        lockable = attrs.contains("lock");
        only64 = attrs.contains("o64");
        not64 = attrs.contains("i64");
        default64 = attrs.contains("d64");
        forced64 = attrs.contains("f64");
        sizedBy66 = attrs.contains("p66");
        features = features(attrs);
        encoding = Encoding.parse(c[0], opcodeOffset, text);
        space = encoding.space();
        map = encoding.map();
        opcode = encoding.opcode();
        condition = encoding.condition();
        digit = encoding.digit();
        form = encoding.form();
        exact = encoding.exact();
        prefix = encoding.prefix();
        String[] kinds = operands.equals("-") ? new String[0] : operands.split(",");
        codes = Arrays.stream(kinds).map(OperandCode::of).collect(Collectors.toUnmodifiableList());
        usesVvvv = codes.stream().anyMatch(OperandCode::isVvvv);
        immediates =
                Arrays.stream(kinds)
                        .map(Immediate::of)
                        .filter(Objects::nonNull)
                        .toArray(Immediate[]::new);
        if (immediates.length == 2) {
            immediates[1] = Immediate.SECOND_BYTE;
        }
        modrm =
                digit >= 0
                        || exact >= 0
                        || form != Form.ANY
                        || codes.stream().anyMatch(OperandCode::needsModrm);
    }

    /** How many rows a line is: more than one if its opcode has a register or condition in it. */
    static int count(String line) {
        String encoding = line.trim().split("\\s+")[0];
        return encoding.contains("+cc") ? 16 : encoding.contains("+r") ? 8 : 1;
    }

    private Set<CpuFeature> features(List<String> attributes) {
        Set<CpuFeature> s = EnumSet.noneOf(CpuFeature.class);
        for (String a : attributes) {
            if (ATTRIBUTES.contains(a)) {
                continue;
            }
            CpuFeature f =
                    Arrays.stream(CpuFeature.values())
                            .filter(x -> x.name().equals(a) && x.encodings)
                            .findAny()
                            .orElseThrow(() ->
                                    new IllegalStateException(
                                            "instruction table: unknown attribute %s in: %s"
                                                    .formatted(a, text)));
            s.add(f);
        }
        return s.isEmpty() ? Set.of() : s;
    }

    /**
     * Whether this row takes an instruction with its map and opcode.
     *
     * @param prefixes as which its prefixes count
     * @param modrmByte its ModR/M byte, if it has one
     * @param codeBits 16, 32 or 64
     */
    public boolean matches(MandatoryPrefix prefixes, int modrmByte, int codeBits) {
        if (codeBits == 64 ? not64 : only64) {
            return false;
        }
        if (prefix != MandatoryPrefix.ANY && prefix != prefixes) {
            return false;
        }
        if (exact >= 0) {
            return modrmByte == exact;
        }
        if (digit >= 0 && (modrmByte >> 3 & 7) != digit) {
            return false;
        }
        return form == Form.ANY || (form == Form.REGISTER) == (modrmByte >= 0xC0);
    }

    /**
     * Whether this row, if it {@link #matches}, takes an instruction with a VEX or EVEX prefix.
     *
     * @param length VEX.L or EVEX.L'L
     * @param vvvv the register that it names, as 0 if it names none
     */
    public boolean takes(int length, boolean w, int vvvv) {
        return (encoding.length() < 0 || encoding.length() == length)
                && (encoding.w() < 0 || encoding.w() == 1 == w)
                && (usesVvvv || vvvv == 0);
    }

    /** Whether every instruction that {@code other} matches is one that this matches. */
    public boolean covers(Row other) {
        return encoding.covers(other.encoding)
                && (!only64 || other.only64)
                && (!not64 || other.not64);
    }

    /** Encoding, mnemonic, operands, attributes. */
    @Override
    public String toString() {
        return text;
    }
}
