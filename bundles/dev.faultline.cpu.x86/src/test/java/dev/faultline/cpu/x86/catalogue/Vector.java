// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.catalogue;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * One instruction and what it is given.
 *
 * @param assembly as assemblers write it, Intel syntax
 * @param remark what it shows, or empty
 * @param inputs what is not as in every new {@link State}, in the order in which it is told
 * @param approximate the SDM allows the result an error
 * @param assembled assemblers know this text
 */
record Vector(
        String mnemonic,
        String assembly,
        byte[] code,
        String remark,
        List<Input> inputs,
        Undefined undefined,
        boolean approximate,
        boolean assembled) {
    private static final HexFormat HEX = HexFormat.ofDelimiter(" ").withUpperCase();

    /** Contents of one place before. */
    record Input(Place place, String text) {}

    static byte[] code(String hex) {
        return HEX.parseHex(hex);
    }

    String hex() {
        return HEX.formatHex(code);
    }

    State before() {
        State s = new State();
        inputs.forEach(i -> i.place.set(s, i.text));
        byte[] padded = new byte[State.CODE_BYTES];
        Arrays.fill(padded, (byte) 0xCC);
        System.arraycopy(code, 0, padded, 0, code.length);
        s.putBytes(State.CODE, padded);
        return s;
    }

    /** Address of the next instruction. */
    long next() {
        return State.START + code.length;
    }

    @Override
    public String toString() {
        return mnemonic + " \"" + assembly + "\" (" + hex() + ")";
    }
}
