// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.cpu.translator.verify.Candidate;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.isa.Family;
import dev.faultline.cpu.x86.isa.OperandCode;
import dev.faultline.cpu.x86.isa.Recode;
import dev.faultline.cpu.x86.op.Decoded;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.function.IntToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Says whether code is harmless in another way than the verifier does: the decoder and the
 * instruction table say what an instruction is, and before each access of the guest's memory a
 * probe has to stand letter by letter as the writer writes it.
 */
final class AccessOracle {
    private static final int RSP = 4;
    private static final int R13 = 13;
    private static final int R14 = 14;
    private static final int R15 = 15;

    private static final String PAGE = "C44283F7F5";
    private static final String INDEX = "450FB7F6";
    private static final String LOAD_BY_INDEX = "4F8BB4F7";
    private static final String LAST_PAGE = "C4E283F7C9";
    private static final String SUM = "4A8D4C3101";

    private final Decoder decoder = new Decoder();
    private final long exitHva;
    private final IntToLongFunction jumpExitHva;

    /** Where JRCXZ skips to: nothing comes from elsewhere there. */
    private final Set<Integer> skips = new HashSet<>();

    /**
     * @param jumpExitHva by class of code
     */
    AccessOracle(long exitHva, IntToLongFunction jumpExitHva) {
        this.exitHva = exitHva;
        this.jumpExitHva = jumpExitHva;
    }

    /**
     * One instruction.
     *
     * @param innocent it has nothing to do with addresses, and may stand inside a probe
     */
    private record Item(
            int at, String hex, boolean writesAddress, boolean innocent, Access access) {}

    /** Of memory: of the guest's if {@code guest}. */
    private record Access(boolean guest, int size, boolean read, boolean write) {
        static final Access NONE = new Access(false, 0, false, false);
    }

    /** Null: it is harmless; else why it may not be. */
    @Nullable String fault(Candidate c) {
        byte[] code = c.code();
        List<Item> items = new ArrayList<>();
        skips.clear();
        Set<Integer> targets = new HashSet<>();
        for (long e : c.entries()) {
            targets.add((int) (e - c.hva()));
        }
        for (int at = 0; at < code.length; ) {
            String wrong = item(code, at, items, targets);
            if (wrong != null) {
                return "%x: %s".formatted(at, wrong);
            }
            at += items.getLast().hex.length() / 2;
        }
        Set<Integer> starts = new HashSet<>();
        items.forEach(i -> starts.add(i.at));
        if (!starts.containsAll(skips)) {
            return "skips to no instruction";
        }
        for (int t : targets) {
            long to = t + c.hva();
            boolean out = to == exitHva || to == jumpExitHva.applyAsLong(c.codeClass());
            if (!out && !starts.contains(t)) {
                return "goes to %x".formatted(t);
            }
        }
        for (int i = 0; i < items.size(); i++) {
            if (items.get(i).access.guest && !probed(items, i, targets, c.codeClass())) {
                return "%x: no probe before %s".formatted(items.get(i).at, items.get(i).hex);
            }
        }
        return null;
    }

    private @Nullable String item(byte[] code, int at, List<Item> items, Set<Integer> targets) {
        byte[] one = Arrays.copyOfRange(code, at, Math.min(at + 15, code.length));
        if (one[0] == (byte) 0xC4) {
            int n = one.length > 3 && one[3] == (byte) 0xF0 ? 6 : 5;
            if (n > one.length) {
                return "ends early";
            }
            int to = one[4] >> 3 & 7 | (one[1] & 0x80) >> 4 ^ 8;
            String hex = hex(one, n);
            if (to == RSP || to == R15) {
                return "writes " + to;
            }
            items.add(new Item(at, hex, to == R13 || to == R14, false, Access.NONE));
            return null;
        }
        Decoded d = decoder.fields(one, one.length, 64);
        if (d == null || !d.exists()) {
            return "is no instruction";
        }
        String hex = normal(one, d);
        if (hex.startsWith("C70424")) { // a way out
            items.add(new Item(at, hex, false, false, Access.NONE));
            return null;
        }
        if (hex.equals("E305")) {
            skips.add(at + 7);
        } else if (d.row.definition.family() == Family.BRANCH && !d.mem) {
            targets.add(at + d.end + (int) d.imm);
        }
        String wrong = instruction(d);
        if (wrong != null) {
            return wrong + " in " + hex;
        }
        items.add(new Item(at, hex, writesAddress(d), isInnocent(d), access(d)));
        return null;
    }

    private static String hex(byte[] b, int n) {
        return HexFormat.of().withUpperCase().formatHex(b, 0, n);
    }

    /** Without a bit of REX that says nothing. */
    private static String normal(byte[] one, Decoded d) {
        byte[] b = Arrays.copyOf(one, d.end);
        boolean sib = d.mem && (d.modrm & 7) == 4;
        if (d.rex != 0 && !sib) {
            b[d.prefixes - 1] &= ~2;
        }
        return hex(b, b.length);
    }

    private static @Nullable String instruction(Decoded d) {
        Family f = d.row.definition.family();
        boolean known =
                switch (f) {
                    case INTEGER, BITS, SSE -> d.row.definition.recode() != Recode.JAVA;
                    case BRANCH -> !d.mnemonic.equals("CALL") && !d.mnemonic.equals("RET");
                    case STACK, STRING, MMX, X87, SYSTEM -> false;
                };
        if (!known) {
            return "an instruction of another kind";
        }
        for (int r : registers(d)) {
            if (r == RSP || r == R15) {
                return "register " + r;
            }
        }
        if (!d.mem) {
            return null;
        }
        if (d.segOverride >= 0 || d.addressSize != 8 || d.ripRelative) {
            return "another kind of address";
        }
        if (d.mnemonic.equals("LEA")) {
            return null;
        }
        boolean state = d.base == R15 && (d.index == 16 || d.index == R14 && d.scale == 3);
        boolean guest = isGuest(d);
        boolean poll = d.base == 1 && d.index == 16 && d.disp == 0 && d.opcode == 0x8B;
        return state || guest || poll ? null : "memory elsewhere";
    }

    private static boolean isGuest(Decoded d) {
        return d.mem && d.base == R14 && d.index == R13 && d.scale == 0 && d.disp == 0;
    }

    /** General registers that are operands. */
    private static List<Integer> registers(Decoded d) {
        List<Integer> all = new ArrayList<>();
        for (OperandCode c : d.row.codes) {
            boolean high = c.size().equals("b") && d.rex == 0;
            switch (c.kind()) {
                case REG -> add(all, d.reg, high);
                case RM, OPCODE -> add(all, d.rm, high);
                case RM_OR_MEMORY -> {
                    if (!d.mem) {
                        add(all, d.rm, high);
                    }
                }
                default -> {
                    // none
                }
            }
        }
        return all;
    }

    private static boolean isInnocent(Decoded d) {
        boolean writesRcx = d.row.codes.stream().anyMatch(c -> c.kind() == OperandCode.Kind.FIXED);
        List<Integer> r = registers(d);
        return !d.mem
                && !writesRcx
                && d.row.definition.family() != Family.BRANCH
                && !r.contains(1)
                && !r.contains(R13)
                && !r.contains(R14);
    }

    private static void add(List<Integer> all, int register, boolean high) {
        all.add(high ? register & 3 : register);
    }

    /** Conservatively: any use as a first or as an exchanged operand. */
    private static boolean writesAddress(Decoded d) {
        List<Integer> r = registers(d);
        boolean exchanges = d.mnemonic.equals("XCHG") || d.mnemonic.equals("XADD");
        boolean compares = List.of("CMP", "TEST", "BT").contains(d.mnemonic);
        for (int i = 0; i < r.size(); i++) {
            boolean first =
                    i == 0 && (!d.mem || d.row.codes.getFirst().kind() == OperandCode.Kind.REG);
            if ((r.get(i) == R13 || r.get(i) == R14) && !compares && (first || exchanges)) {
                return true;
            }
        }
        return false;
    }

    private static Access access(Decoded d) {
        if (!isGuest(d) || d.mnemonic.equals("LEA")) {
            return Access.NONE;
        }
        int roles = 0;
        for (int i = 0; i < d.row.codes.size(); i++) {
            OperandCode c = d.row.codes.get(i);
            if (c.mayBeMemory()) {
                // The table says of both forms of MOVHPS what the one that loads does.
                boolean stores = d.mnemonic.startsWith("MOVH") && (d.opcode & 1) != 0;
                String role = stores ? "w" : role(d, i, roles);
                return new Access(
                        true,
                        c.bytes(d.operandSize, d.rexW),
                        !role.equals("w"),
                        role.contains("w"));
            }
            roles += c.hasRole() ? 1 : 0;
        }
        return new Access(true, Integer.MAX_VALUE, true, true);
    }

    private static String role(Decoded d, int operand, int withRole) {
        var def = d.row.definition;
        if (def.shape() != null) {
            return operand < def.shape().roles.size() ? def.shape().roles.get(operand) : "r";
        }
        return def.uses() == null ? "rw" : def.uses().roles().get(withRole);
    }

    /** Whether the probe that the access at {@code k} needs stands before it. */
    private boolean probed(List<Item> all, int access, Set<Integer> targets, int codeClass) {
        int rights = CodeClass.rights(codeClass);
        List<Item> items = new ArrayList<>();
        for (Item i : all.subList(0, access + 1)) {
            if (i.innocent && i.at != all.get(access).at) {
                continue;
            }
            if (!items.isEmpty() && isLast(items.getLast()) && isLast(i)) {
                items.removeLast(); // without effect
            }
            items.add(i);
        }
        int k = items.size() - 1;
        int i = k - 1;
        while (i > 0 && !items.get(i).hex.equals(table(StateBlock.addends(rights)))) {
            if (items.get(i).writesAddress) {
                return false;
            }
            i--;
        }
        if (i < 10 || !is(items, i - 1, INDEX) || !is(items, i - 2, PAGE)) {
            return false;
        }
        int readable = 0;
        int writable = 0;
        i -= 3;
        for (int n = 0; n < 2 && i >= 7 && isTag(items, i); n++) {
            int size = Integer.parseInt(items.get(i - 6).hex.substring(6, 8), 16) + 1;
            if (is(items, i - 3, table(StateBlock.readTags(rights)))) {
                readable = size;
            } else if (is(items, i - 3, table(StateBlock.writeTags(rights)))) {
                writable = size;
            }
            i -= 8;
        }
        int from = items.get(i + 1).at;
        for (Item x : all) {
            if (x.at > from && x.at <= items.get(k).at && targets.contains(x.at)) {
                return false;
            }
        }
        Access a = all.get(access).access;
        return (!a.read || a.size <= readable) && (!a.write || a.size <= writable);
    }

    private static boolean isTag(List<Item> items, int i) {
        return items.get(i).hex.startsWith("E9")
                && is(items, i - 1, "E305")
                && is(items, i - 2, SUM)
                && is(items, i - 4, INDEX)
                && is(items, i - 5, LAST_PAGE)
                && isLast(items.get(i - 6))
                && is(items, i - 7, PAGE);
    }

    private static boolean isLast(Item i) {
        return i.hex.startsWith("498D4D");
    }

    private static boolean is(List<Item> items, int i, String hex) {
        return items.get(i).hex.equals(hex);
    }

    private static String table(int at) {
        return LOAD_BY_INDEX + "%08X".formatted(Integer.reverseBytes(at));
    }
}
