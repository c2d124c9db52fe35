// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.catalogue;

import java.util.ArrayList;
import java.util.List;

/** Where two states differ. */
final class Places {
    private static final List<Place> REGISTERS = registers();

    private Places() {}

    private static List<Place> registers() {
        List<Place> all = new ArrayList<>();
        Place.GPR_NAMES.forEach(n -> all.add(Place.of(n, "")));
        for (String n : "flags rip es ds fs gs fsbase gsbase fcw fsw".split(" ")) {
            all.add(Place.of(n, ""));
        }
        for (int i = 0; i < 8; i++) {
            all.add(Place.of("st" + i, ""));
        }
        all.add(Place.of("mxcsr", ""));
        for (int i = 0; i < 16; i++) {
            all.add(Place.of("xmm" + i, ""));
        }
        all.add(Place.of("exception", ""));
        return List.copyOf(all);
    }

    /** Registers and aligned quadwords of memory that differ, apart from what nothing can see. */
    static List<Place> different(State a, State b) {
        List<Place> found = new ArrayList<>();
        for (Place p : REGISTERS) {
            // Most are the same, and texts are slow.
            if (!p.sameBytes(a, b) && !p.text(a).equals(p.text(b))) {
                found.add(p);
            }
        }
        for (int at = State.DATA; at < State.SIZE; at += 8) {
            if (a.longAt(at) != b.longAt(at)) {
                found.add(Place.of("[%X].i64".formatted(State.address(at)), "0"));
            }
        }
        return found;
    }

    /** "rax: 1, expected 2; ..."; empty if nothing differs. */
    static String differences(State got, State expected) {
        StringBuilder s = new StringBuilder();
        for (Place p : different(got, expected)) {
            s.append(s.isEmpty() ? "" : "; ")
                    .append(p.name())
                    .append(": ")
                    .append(p.text(got))
                    .append(", expected ")
                    .append(p.text(expected));
        }
        return s.toString();
    }
}
