// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.verify;

import dev.faultline.api.address.Hva;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads a translation from its beginning to its end, once, and accepts it if every memory operand
 * is the state block or an address that a probe allowed, and every jump leads to an entry or a way
 * out. What it does not know is refused. One thread.
 *
 * <p>What it takes for granted: the tables in the state block are right, xmm15, r15 and rsp are as
 * the way in left them, and the way in and the way out themselves are right.
 *
 * <p>Nothing is certain where code can come from elsewhere, and all jumps but those between
 * translations go forward, so one pass is enough.
 */
public final class Verifier {
    // Opcodes of jumps.
    private static final int JRCXZ = 0xE3;
    private static final int JMP = 0xE9;
    private static final int JMP_SHORT = 0xEB;

    private static final int NO_EXIT = -1;

    private final Layout layout;
    private final Facts facts = new Facts();
    private final Reader reader = new Reader();
    private final Rules rules;
    private final StringOperations strings;

    /** Of translations that may be entered: their class by their beginning. */
    private final Map<Long, Integer> entries = new HashMap<>();

    /** Class of the code, by where a jump that may be changed ends. */
    private final Map<Long, Integer> links = new HashMap<>();

    /** A bit for each offset: something goes here. */
    private final long[] targets;

    /** A bit for each offset: a jump with 32 bits of displacement ends here. */
    private final long[] jumpEnds;

    /** Behind what was read. */
    private int end;

    /** Whether code goes on there. */
    private boolean goesOn;

    /** The number that was stored for the way out. */
    private long exit;

    public Verifier(Layout layout) {
        this.layout = layout;
        rules = new Rules(layout, facts);
        strings = layout.stringOperations();
        targets = new long[layout.largest / 64 + 1];
        jumpEnds = new long[layout.largest / 64 + 1];
    }

    /**
     * Whether the translation may be executed; if so it counts as one from now on.
     *
     * @return null: it may; else where it is wrong, the bytes there, and why
     */
    public @Nullable String check(Candidate c) {
        int at = 0;
        String refusal = prepare(c);
        while (refusal == null && at < c.code().length) {
            if (has(targets, at)) {
                facts.clear();
            }
            end = at;
            goesOn = true;
            refusal = step(c, at);
            if (refusal == null) {
                refusal = inside(at);
            }
            if (refusal != null) {
                return describe(c, at, refusal);
            }
            if (!goesOn) {
                facts.clear();
            }
            at = end;
        }
        if (refusal == null && (goesOn || exit != NO_EXIT)) {
            refusal = "code runs over its end";
        }
        if (refusal == null) {
            refusal = links(c);
        }
        if (refusal == null) {
            accept(c);
        }
        return refusal;
    }

    /**
     * Whether the jump that ends at {@code endHva} may be made to go to {@code targetHva}.
     *
     * @return null: it may; else why not
     */
    public @Nullable String checkLink(@Hva long endHva, @Hva long targetHva) {
        Integer from = links.get(endHva);
        Integer to = entries.get(targetHva);
        if (from == null) {
            return "%x is no jump that may be changed".formatted(endHva);
        }
        if (to == null) {
            return "%x is no beginning of a translation".formatted(targetHva);
        }
        return from.equals(to)
                ? null
                : "a jump from code of class %d to code of class %d".formatted(from, to);
    }

    /** No translation counts as one any more. */
    public void forget() {
        entries.clear();
        links.clear();
    }

    // ---- before and after

    private @Nullable String prepare(Candidate c) {
        int n = c.code().length;
        if (n == 0 || n > layout.largest) {
            return "%d bytes of code".formatted(n);
        }
        Arrays.fill(targets, 0, n / 64 + 1, 0);
        Arrays.fill(jumpEnds, 0, n / 64 + 1, 0);
        for (long e : c.entries()) {
            if (!mark(c, e - c.hva())) {
                return "an entry outside of the code";
            }
        }
        facts.clear();
        exit = NO_EXIT;
        return null;
    }

    private @Nullable String links(Candidate c) {
        for (long l : c.links()) {
            long at = l - c.hva();
            if (at < 0 || at > c.code().length || !has(jumpEnds, (int) at)) {
                return "a jump that may be changed is none, at offset 0x%x".formatted(at);
            }
        }
        return null;
    }

    private void accept(Candidate c) {
        entries.put(c.hva(), c.codeClass());
        for (long l : c.links()) {
            links.put(l, c.codeClass());
        }
    }

    private static boolean has(long[] set, int i) {
        return (set[i >> 6] >>> i & 1) != 0;
    }

    private boolean mark(Candidate c, long offset) {
        if (offset < 0 || offset >= c.code().length) {
            return false;
        }
        targets[(int) offset >> 6] |= 1L << (int) offset;
        return true;
    }

    /** Nothing may go between {@code at} and {@link #end}. */
    private @Nullable String inside(int at) {
        for (int i = at + 1; i < end; i++) {
            if (has(targets, i)) {
                return "something goes into the middle of it";
            }
        }
        return null;
    }

    private String describe(Candidate c, int at, String why) {
        int to = Math.min(Math.max(end, at + 1), c.code().length);
        return "offset 0x%x: %s: %s"
                .formatted(at, HexFormat.ofDelimiter(" ").formatHex(c.code(), at, to), why);
    }

    // ---- what stands there

    /** Sets {@link #end} and {@link #goesOn}. */
    private @Nullable String step(Candidate c, int at) {
        byte[] code = c.code();
        int first = code[at] & 0xFF;
        if (exit != NO_EXIT) {
            return first == JMP ? leave(c, at) : "the number of a way out, and no way out";
        }
        if (first == JRCXZ) {
            return skip(c, at);
        }
        if (first == JMP) {
            goesOn = false;
            return jump(c, at, 1);
        }
        if (first == 0x0F && at + 1 < code.length && (code[at + 1] & 0xF0) == 0x80) {
            return jump(c, at, 2);
        }
        if (first == 0xC7 && at + 2 < code.length && code[at + 1] == 4 && code[at + 2] == 0x24) {
            return number(c, at);
        }
        int[] string = strings.at(code, at, c.codeClass());
        if (string != null) {
            return string(c, at, string);
        }
        String refusal = reader.read(code, at);
        end = reader.end;
        if (refusal == null) {
            refusal = rules.apply(reader, layout.tables(c.codeClass()));
        }
        goesOn = !reader.has(Opcodes.JUMP);
        return refusal;
    }

    /** {@code mov dword [rsp], number}. */
    private @Nullable String number(Candidate c, int at) {
        end = at + 7;
        if (end > c.code().length) {
            return "an instruction without an end";
        }
        exit = Reader.doubleword(c.code(), at + 3) & 0xFFFF_FFFFL;
        return exit < c.firstExit() || exit >= c.endExit()
                ? "a way out that is not this translation's"
                : null;
    }

    /** The jump to the common way out, behind {@link #number}. */
    private @Nullable String leave(Candidate c, int at) {
        exit = NO_EXIT;
        goesOn = false;
        end = at + 5;
        if (end > c.code().length) {
            return "an instruction without an end";
        }
        if (has(targets, at)) {
            return "something goes between the number of a way out and the jump";
        }
        long to = c.hva() + end + Reader.doubleword(c.code(), at + 1);
        return to == layout.exitHva || to == layout.tables(c.codeClass()).jumpExitHva()
                ? null
                : "a jump that is not to the way out";
    }

    /**
     * A jump with 32 bits of displacement.
     *
     * @param opcode its length
     */
    private @Nullable String jump(Candidate c, int at, int opcode) {
        end = at + opcode + 4;
        if (end > c.code().length) {
            return "an instruction without an end";
        }
        jumpEnds[end >> 6] |= 1L << end;
        return awayTo(c, end);
    }

    /** A string operation, with what belongs to it. */
    private @Nullable String string(Candidate c, int at, int[] sequence) {
        for (int i = 0; i < sequence.length; i++) {
            if (sequence[i] == StringOperations.JUMP) {
                i += 4;
                String refusal = awayTo(c, at + i);
                if (refusal != null) {
                    return refusal;
                }
                i--;
            }
        }
        end = at + sequence.length;
        facts.clear();
        return null;
    }

    /** The displacement of a jump ends at {@code from}. */
    private @Nullable String awayTo(Candidate c, int from) {
        int distance = Reader.doubleword(c.code(), from - 4);
        if (distance < 0) {
            return "a jump backward";
        }
        return mark(c, (long) from + distance) ? null : "a jump out of the code";
    }

    /** JRCXZ over a jump, or to a jump that a short one goes over: as one instruction. */
    private @Nullable String skip(Candidate c, int at) {
        byte[] code = c.code();
        if (at + 7 <= code.length && code[at + 1] == 5 && (code[at + 2] & 0xFF) == JMP) {
            String refusal = jump(c, at + 2, 1);
            facts.rcxIsZero();
            return refusal;
        }
        if (at + 9 <= code.length
                && code[at + 1] == 2
                && (code[at + 2] & 0xFF) == JMP_SHORT
                && code[at + 3] == 5
                && (code[at + 4] & 0xFF) == JMP) {
            String refusal = jump(c, at + 4, 1);
            facts.rcxIsNotZero();
            return refusal;
        }
        return "a JRCXZ that skips no jump";
    }
}
