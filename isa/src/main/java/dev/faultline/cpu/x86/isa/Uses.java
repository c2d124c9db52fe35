// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What an instruction reads and writes besides flags, for who does not execute it: translators and
 * analyses. The roles of operands are said of instructions whose meaning is Java; others have those
 * of their shape.
 *
 * @param roles for each operand that has one ({@link OperandCode#hasRole}), of the row that has
 *     most: r, w or rw; a: only its address is computed; -: not even that
 * @param read what the opcode implies
 * @param written likewise
 * @param counts whether a REP prefix makes it use CX
 */
public record Uses(List<String> roles, Set<Implied> read, Set<Implied> written, boolean counts) {
    private static final Set<String> ROLES = Set.of("r", "w", "rw", "a", "-");
    private static final String NOTHING = "NOTHING";

    /**
     * Takes what it knows out of {@code words}.
     *
     * @param words {@code (ROLES)}, {@code NAME:r}, {@code NAME:w}, {@code NAME:rw}, {@code CX:rep}
     *     or {@code NOTHING}, and others
     * @return null: the line does not say
     */
    static @Nullable Uses parse(List<String> words, String context) {
        List<String> roles = roles(words, context);
        boolean said = roles != null;
        Set<Implied> read = EnumSet.noneOf(Implied.class);
        Set<Implied> written = EnumSet.noneOf(Implied.class);
        boolean counts = false;
        for (Iterator<String> i = words.iterator(); i.hasNext(); ) {
            String w = i.next();
            int colon = w.indexOf(':');
            if (w.equals(NOTHING)) {
                said = true;
                i.remove();
            } else if (colon > 1) {
                said = true;
                i.remove();
                String how = w.substring(colon + 1);
                if (w.equals("CX:rep")) {
                    counts = true;
                    continue;
                }
                Implied what = implied(w.substring(0, colon), context);
                if (!how.equals("r") && !how.equals("w") && !how.equals("rw")) {
                    throw bad("\"" + w + "\" ends with :r, :w or :rw", context);
                }
                boolean again = how.contains("r") && !read.add(what);
                again |= how.contains("w") && !written.add(what);
                if (again) {
                    throw bad(what + " stands twice", context);
                }
            }
        }
        return said
                ? new Uses(
                        roles == null ? List.of() : roles,
                        Set.copyOf(read),
                        Set.copyOf(written),
                        counts)
                : null;
    }

    private static @Nullable List<String> roles(List<String> words, String context) {
        if (words.isEmpty() || !words.get(0).startsWith("(")) {
            return null;
        }
        List<String> roles = new ArrayList<>();
        String w;
        do {
            w = words.remove(0);
            roles.addAll(Arrays.asList(w.replaceAll("[()]", "").split(" ")));
        } while (!w.endsWith(")") && !words.isEmpty());
        if (!w.endsWith(")") || !ROLES.containsAll(roles)) {
            throw bad("roles are r, w, rw, a or -, between parentheses", context);
        }
        return List.copyOf(roles);
    }

    private static Implied implied(String name, String context) {
        for (Implied i : Implied.values()) {
            if (i.name().equals(name)) {
                return i;
            }
        }
        throw bad(name + " is none of " + Arrays.toString(Implied.values()), context);
    }

    private static IllegalStateException bad(String why, String context) {
        return new IllegalStateException("instruction table: " + why + " in: " + context);
    }
}
