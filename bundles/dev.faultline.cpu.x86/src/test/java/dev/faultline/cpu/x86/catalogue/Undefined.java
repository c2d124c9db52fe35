// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.catalogue;

import java.util.List;

/**
 * What the SDM leaves undefined after an instruction, or to the processor: names of flags and of
 * condition codes of the FPU, pieces of memory as {@code [ADDRESS]+BYTES}. It is not compared.
 */
record Undefined(List<String> names) {
    Undefined {
        names = List.copyOf(names);
        names.forEach(n -> clear(new State(), n));
    }

    /** A copy with all of it cleared. */
    State without(State s) {
        State c = s.copy();
        names.forEach(n -> clear(c, n));
        return c;
    }

    private static void clear(State s, String name) {
        if (name.startsWith("[")) {
            int end = name.indexOf(']');
            int n = Integer.parseInt(name.substring(end + 2));
            long address = Long.parseUnsignedLong(name.substring(1, end), 16);
            s.putBytes(State.memory(address, n), new byte[n]);
        } else if (Place.FLAG_BITS.has(name)) {
            s.putLong(State.FLAGS, s.longAt(State.FLAGS) & ~Place.FLAG_BITS.value(name));
        } else {
            s.putShort(State.FSW, s.shortAt(State.FSW) & ~(int) Place.FSW_BITS.value(name));
        }
    }
}
