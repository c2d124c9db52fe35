// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The one table of instruction encodings, read from the {@code *.tab} resources beside this class:
 * one line per encoding. Their first lines explain the format. Decoder, tests and sweeps all derive
 * from it.
 */
public final class InstructionTable {
    /** In file order: the family picks the factory. */
    public enum Family {
        INTEGER,
        SYSTEM,
        X87,
        SSE
    }

    /** Mandatory prefix of an encoding. */
    static final int ANY = 0;

    static final int NP = 1;
    static final int P66 = 2;
    static final int PF3 = 3;
    static final int PF2 = 4;

    // Operands that are bytes after ModR/M, as the decoder tells them apart: sign-extended byte
    // (also Jb), the second immediate of ENTER, word, word or
    // doubleword (also Jz), up to 8 bytes, far pointer, absolute offset.
    static final int IB = 1;

    static final int IB_SECOND = 2;
    static final int IW = 3;
    static final int IZ = 4;
    static final int IV = 5;
    static final int AP = 6;
    static final int OFFSET = 7;

    private static final Set<String> ATTRIBUTES = Set.of("lock", "o64", "i64", "d64", "f64");
    private static final Map<String, CpuFeature> FEATURES = new HashMap<>();

    private static final List<Entry> ALL = new ArrayList<>();
    private static final Entry[] NO_LINES = {};
    private static final Entry[][][] BY_OPCODE = new Entry[4][256][];

    /** Stands where no line is; none of {@link #all}. */
    static final Entry NONE = new Entry(Family.INTEGER, "00 NONE -", 0);

    static {
        for (CpuFeature f : CpuFeature.values()) {
            FEATURES.put(f.name(), f);
        }
        for (Entry[][] map : BY_OPCODE) {
            Arrays.fill(map, NO_LINES);
        }
        for (Family f : Family.values()) {
            load(f);
        }
    }

    private InstructionTable() {}

    /** One line of the table. */
    public static final class Entry {
        public final Family family;
        public final String mnemonic;
        public final String operands;
        public final int map;
        public final int opcode;

        /** ModR/M.reg that selects this line, or -1. */
        public final int digit;

        /** 1: memory forms only, 2: register forms only, 0: both. */
        public final int form;

        /** Exact ModR/M byte, or -1. */
        public final int exact;

        final int prefix;
        public final boolean modrm;
        public final boolean lockable;
        final boolean only64;
        final boolean not64;
        public final boolean default64;
        public final boolean forced64;

        /** What follows ModR/M: codes as IB. */
        final int[] immediates;

        /**
         * For tests, which compare it with what our CPUID says: what CPUID claims for it; empty:
         * every processor that we may be taken for has it.
         */
        public final Set<CpuFeature> features;

        final String line;

        Entry(Family family, String line, int opcodeOffset) {
            this.line = line;
            this.family = family;
            String[] c = line.trim().split("\\s+");
            if (c.length < 3) {
                throw new IllegalStateException("instruction table, line too short: " + line);
            }
            String enc = c[0];
            // Interned: the switches of the semantics then compare by identity.
            mnemonic = c[1].intern();
            operands = c[2].intern();
            List<String> attrs = Arrays.asList(c).subList(3, c.length);
            lockable = attrs.contains("lock");
            only64 = attrs.contains("o64");
            not64 = attrs.contains("i64");
            default64 = attrs.contains("d64");
            forced64 = attrs.contains("f64");
            features = features(attrs, line);
            int f = 0;
            if (enc.endsWith(":mem")) {
                f = 1;
                enc = enc.substring(0, enc.length() - 4);
            } else if (enc.endsWith(":reg")) {
                f = 2;
                enc = enc.substring(0, enc.length() - 4);
            }
            form = f;
            int d = -1;
            int e = -1;
            int at = enc.indexOf('/');
            if (at >= 0) {
                d = Integer.parseInt(enc.substring(at + 1));
                enc = enc.substring(0, at);
            }
            at = enc.indexOf('=');
            if (at >= 0) {
                e = Integer.parseInt(enc.substring(at + 1), 16);
                enc = enc.substring(0, at);
            }
            digit = d;
            exact = e;
            if (enc.endsWith("+r")) {
                enc = enc.substring(0, enc.length() - 2);
            }
            List<String> bytes = new ArrayList<>(List.of(enc.split("\\.")));
            prefix = prefixOf(bytes);
            map = mapOf(bytes);
            if (bytes.size() != 1) {
                throw new IllegalStateException("instruction table, bad encoding: " + line);
            }
            opcode = Integer.parseInt(bytes.get(0), 16) + opcodeOffset;
            String[] kinds = operands.equals("-") ? new String[0] : operands.split(",");
            immediates =
                    Arrays.stream(kinds).mapToInt(Entry::immediate).filter(k -> k > 0).toArray();
            if (immediates.length == 2) {
                immediates[1] = IB_SECOND;
            }
            modrm = d >= 0 || e >= 0 || f != 0 || Arrays.stream(kinds).anyMatch(Entry::needsModrm);
        }

        private static Set<CpuFeature> features(List<String> attributes, String line) {
            Set<CpuFeature> s = EnumSet.noneOf(CpuFeature.class);
            for (String a : attributes) {
                CpuFeature f = FEATURES.get(a);
                if (f != null && f.encodings) {
                    s.add(f);
                } else if (!ATTRIBUTES.contains(a)) {
                    throw new IllegalStateException(
                            "instruction table, unknown attribute " + a + ": " + line);
                }
            }
            return s.isEmpty() ? Set.of() : s;
        }

        private static int prefixOf(List<String> bytes) {
            int p =
                    switch (bytes.get(0)) {
                        case "NP" -> NP;
                        case "66" -> P66;
                        case "F3" -> PF3;
                        case "F2" -> PF2;
                        default -> ANY;
                    };
            if (p != ANY && bytes.size() > 1) {
                bytes.removeFirst();
                return p;
            }
            return ANY;
        }

        private static int mapOf(List<String> bytes) {
            if (bytes.size() > 1 && bytes.get(0).equals("0F")) {
                bytes.removeFirst();
                if (bytes.size() > 1 && bytes.get(0).equals("38")) {
                    bytes.removeFirst();
                    return 2;
                }
                if (bytes.size() > 1 && bytes.get(0).equals("3A")) {
                    bytes.removeFirst();
                    return 3;
                }
                return 1;
            }
            return 0;
        }

        /** Code of an operand that is bytes after ModR/M, or 0. */
        private static int immediate(String kind) {
            return switch (kind) {
                case "Ib", "Jb" -> IB;
                case "Iw" -> IW;
                case "Iz", "Jz" -> IZ;
                case "Iv" -> IV;
                case "Ap" -> AP;
                case "Ob", "Ov" -> OFFSET;
                default -> 0;
            };
        }

        private static boolean needsModrm(String kind) {
            return kind.length() > 1
                            && "EGMSCDRVWPQNU".indexOf(kind.charAt(0)) >= 0
                            && Character.isLowerCase(kind.charAt(1))
                    || kind.equals("M");
        }

        boolean matches(int prefixClass, int modrmByte, int codeBits) {
            if (codeBits == 64 ? not64 : only64) {
                return false;
            }
            if (prefix != ANY && prefix != prefixClass) {
                return false;
            }
            if (exact >= 0) {
                return modrmByte == exact;
            }
            if (digit >= 0 && (modrmByte >> 3 & 7) != digit) {
                return false;
            }
            return form == 0 || (form == 2) == (modrmByte >= 0xC0);
        }

        /** 66, F2, F3, or 0: none is mandatory. */
        public int mandatoryPrefix() {
            return switch (prefix) {
                case P66 -> 0x66;
                case PF2 -> 0xF2;
                case PF3 -> 0xF3;
                default -> 0;
            };
        }

        /** Whether this line is about what {@code d} was read from. */
        public boolean matches(Decoded d) {
            return map == d.map
                    && opcode == d.opcode
                    && matches(prefixClass(d), d.modrm, d.codeBits);
        }

        /** Whether every instruction that {@code other} matches is one that this matches. */
        boolean covers(Entry other) {
            return map == other.map
                    && opcode == other.opcode
                    && (!only64 || other.only64)
                    && (!not64 || other.not64)
                    && (prefix == ANY || prefix == other.prefix)
                    && coversModrm(other);
        }

        private boolean coversModrm(Entry other) {
            if (exact >= 0) {
                return exact == other.exact;
            }
            boolean one = other.exact >= 0;
            int otherDigit = one ? other.exact >> 3 & 7 : other.digit;
            int otherForm = one ? other.exact >= 0xC0 ? 2 : 1 : other.form;
            return (digit < 0 || digit == otherDigit) && (form == 0 || form == otherForm);
        }

        @Override
        public String toString() {
            return line;
        }
    }

    /** All encodings, in table order. */
    public static List<Entry> all() {
        return List.copyOf(ALL);
    }

    /** Candidates of an opcode, exact ModR/M bytes first. */
    static Entry[] candidates(int map, int opcode) {
        return BY_OPCODE[map][opcode];
    }

    /** The mandatory prefix as which those of {@code d} count. */
    static int prefixClass(Decoded d) {
        return d.rep == 0xF3 ? PF3 : d.rep == 0xF2 ? PF2 : d.prefix66 ? P66 : NP;
    }

    private static void load(Family family) {
        String name = family.name().toLowerCase(java.util.Locale.ROOT) + ".tab";
        for (String line : lines(InstructionTable.class, name)) {
            add(family, line);
        }
    }

    /**
     * Lines of a table, without comments.
     *
     * @param beside class in whose package the resource is
     */
    public static List<String> lines(Class<?> beside, String name) {
        try (InputStream in = beside.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("instruction table " + name + " is missing");
            }
            List<String> all = new ArrayList<>();
            BufferedReader r =
                    new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII));
            for (String line = r.readLine(); line != null; line = r.readLine()) {
                if (!line.isBlank() && !line.startsWith("#")) {
                    all.add(line);
                }
            }
            return all;
        } catch (IOException e) {
            throw new UncheckedIOException(name, e);
        }
    }

    /** The encodings of a line: eight if its opcode has a register in it. */
    public static List<Entry> entries(Family family, String line) {
        int n = line.trim().split("\\s+")[0].contains("+r") ? 8 : 1;
        List<Entry> all = new ArrayList<>(n);
        for (int i = 0; i < n; i++) {
            all.add(new Entry(family, line, i));
        }
        return all;
    }

    private static void add(Family family, String line) {
        for (Entry e : entries(family, line)) {
            ALL.add(e);
            Entry[] old = BY_OPCODE[e.map][e.opcode];
            refuseShadowed(old, e);
            Entry[] now = Arrays.copyOf(old, old.length + 1);
            if (e.exact >= 0) {
                System.arraycopy(old, 0, now, 1, old.length);
                now[0] = e;
            } else {
                now[old.length] = e;
            }
            BY_OPCODE[e.map][e.opcode] = now;
        }
    }

    /**
     * A line that could never be chosen is a mistake. One with an exact ModR/M byte is looked at
     * before all others.
     *
     * @param before lines of the same opcode that stand before it
     */
    static void refuseShadowed(Entry[] before, Entry e) {
        for (Entry b : before) {
            if (e.exact >= 0 ? e.covers(b) : b.covers(e)) {
                throw new IllegalStateException(
                        "instruction table: of the lines \"%s\" and \"%s\" one is never chosen"
                                .formatted(b, e));
            }
        }
    }
}
